//! Fields of a form or a query.

use crate::odata::options::decode_percent;

use super::refusal::Refusal;

/// `name=value` pairs, decoded.
#[derive(Clone)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(text: &str) -> Form {
        let decoded = |text: &str| decode_percent(&text.replace('+', " "));
        Form(
            text.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(value))
                })
                .collect(),
        )
    }

    /// The field's value; `None` if it is absent or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_empty_ones_are_absent() {
        let form =
            Form::parse("scope=https%3A%2F%2Flocalhost%2F.default+offline_access&empty=&a=b=c");
        assert_eq!(
            form.get("scope"),
            Some("https://localhost/.default offline_access")
        );
        assert_eq!(form.get("a"), Some("b=c"));
        assert_eq!(form.get("empty"), None);
        assert_eq!(form.require("empty"), Err(Refusal::missing("empty")));
    }
}

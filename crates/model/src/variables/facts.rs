//! The facts that an environment itself gives.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;

use super::each_text;
use super::pieces::{ESCAPED, Fact, OPEN, ORGANIZATION_ID, Piece, pieces};
use crate::project::{Environment, Target};

/// Its escaped form, which is never replaced.
const ESCAPED_ORGANIZATION_ID: &str = "$${{ environment.organizationId }}";

/// Stands in for the address of the embedded emulator, whose port changes in every run and thus cannot be part of a row.
const EMBEDDED_URL: &str = "https://localhost";

/// The facts that identify an environment: its address and the id of its organization.
///
/// Facts that are not yet known stay in the text, normalized to one spelling: `${{ environment.organizationId }}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentFacts {
    /// Scheme and host, without a trailing slash.
    url: Option<String>,
    organization_id: Option<Uuid>,
}

impl EnvironmentFacts {
    /// Returns the facts that the project file contains about an environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let url = match &environment.target {
            Target::Url(url) => origin(&url.value),
            Target::Emulator { .. } => EMBEDDED_URL.to_owned(),
        };
        Self {
            url: Some(url),
            organization_id: environment.organization_id,
        }
    }

    /// Returns the facts that an address contains.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        Self {
            url: Some(origin(url)),
            organization_id: None,
        }
    }

    /// Returns the facts that an organization reports about itself.
    #[must_use]
    pub fn of_organization(id: Option<Uuid>) -> Self {
        Self {
            url: None,
            organization_id: id,
        }
    }

    pub(super) fn value(&self, fact: Fact) -> Cow<'_, str> {
        let url = self.url.as_deref();
        let value = match fact {
            Fact::Url => url.map(Cow::Borrowed),
            Fact::Host => url.map(|url| {
                let host = url.split_once("://").map_or(url, |(_, host)| host);
                Cow::Borrowed(host)
            }),
            Fact::OrganizationId => self.organization_id.map(|id| Cow::Owned(id.to_string())),
        };
        value.unwrap_or(Cow::Borrowed(fact.as_written()))
    }

    /// Replaces the known facts in a text. A text with malformed variables stays unchanged.
    #[must_use]
    pub fn fill<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(pieces) = Some(text)
            .filter(|text| text.contains(OPEN))
            .and_then(pieces)
        else {
            return Cow::Borrowed(text);
        };
        let open = self.open(text, &pieces);
        Cow::Owned(self.filled(&pieces, open))
    }

    /// Replaces the id of the organization in a text that waits for it. Any other text stays unchanged.
    #[must_use]
    pub fn complete<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match pieces(text).filter(|_| text.contains(ORGANIZATION_ID)) {
            Some(pieces) => Cow::Owned(self.filled(&pieces, OPEN)),
            None => Cow::Borrowed(text),
        }
    }

    /// Returns the replacement for an escaped `${{`. A text with the id of the organization, or with something that looks like it, is
    /// processed again when the id is known, so it keeps its escapes until then.
    pub(super) fn open(&self, text: &str, pieces: &[Piece<'_>]) -> &'static str {
        let mut facts = pieces.iter();
        let waits = self.organization_id.is_none()
            && facts.any(|piece| matches!(piece, Piece::Fact(Fact::OrganizationId)));
        if waits || text.contains(ESCAPED_ORGANIZATION_ID) {
            ESCAPED
        } else {
            OPEN
        }
    }

    fn filled(&self, pieces: &[Piece<'_>], open: &str) -> String {
        let mut filled = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Open => filled.push_str(open),
                Piece::Fact(fact) => filled.push_str(&self.value(*fact)),
                Piece::Variable(name) => filled.push_str(&format!("${{{{ vars.{name} }}}}")),
                Piece::Parameter(name) => filled.push_str(&format!("${{{{ params.{name} }}}}")),
            }
        }
        filled
    }

    /// Applies [`Self::complete`] to every text of a value.
    pub fn complete_json(&self, value: &mut Value) {
        each_text(value, &|text| self.complete(text));
    }
}

/// Returns the scheme and host of an address, in lower case. `https` may be omitted.
pub(crate) fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{authority}").to_ascii_lowercase()
}

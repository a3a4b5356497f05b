//! A text with variables, in pieces: text, facts of an environment, variables of a project, parameters of a package.

pub(super) const OPEN: &str = "${{";

pub(super) const ESCAPED: &str = "$${{";

const CLOSE: &str = "}}";

/// The text that is replaced once the environment has reported its organization.
pub const ORGANIZATION_ID: &str = "${{ environment.organizationId }}";

/// A fact supplied by the environment itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    Url,
    Host,
    OrganizationId,
}

impl Fact {
    const ALL: [Fact; 3] = [Fact::Url, Fact::Host, Fact::OrganizationId];

    pub(super) const fn as_written(self) -> &'static str {
        match self {
            Fact::Url => "${{ environment.url }}",
            Fact::Host => "${{ environment.host }}",
            Fact::OrganizationId => ORGANIZATION_ID,
        }
    }

    fn of(word: &str) -> Option<Self> {
        let written = format!("{OPEN} environment.{word} {CLOSE}");
        Self::ALL
            .into_iter()
            .find(|fact| fact.as_written() == written)
    }
}

pub(super) enum Piece<'t> {
    Text(&'t str),
    /// An escaped `${{`.
    Open,
    Variable(&'t str),
    /// A parameter of a package.
    Parameter(&'t str),
    Fact(Fact),
}

/// Splits a text into pieces; `None` if a variable is malformed or the text contains parameters of a package.
pub(super) fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let pieces = pieces_of_package(text)?;
    let is_parameter = |piece: &Piece<'_>| matches!(piece, Piece::Parameter(_));
    (!pieces.iter().any(is_parameter)).then_some(pieces)
}

/// Splits a text of a package, which may use parameters, into pieces.
pub(super) fn pieces_of_package(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let before = &rest[..at];
        if let Some(before) = before.strip_suffix('$') {
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Open);
            rest = &rest[at + OPEN.len()..];
            continue;
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let inner = &rest[at + OPEN.len()..];
        let end = inner.find(CLOSE)?;
        let name = inner[..end].trim_matches(' ');
        pieces.push(match name.strip_prefix("environment.") {
            Some(word) => Piece::Fact(Fact::of(word)?),
            None => match name.strip_prefix("params.") {
                Some(name) => Piece::Parameter(name).checked()?,
                None => {
                    let name = name.strip_prefix("vars.")?.trim_start_matches(' ');
                    Piece::Variable(name).checked()?
                }
            },
        });
        rest = &inner[end + CLOSE.len()..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Some(pieces)
}

impl Piece<'_> {
    fn checked(self) -> Option<Self> {
        match self {
            Piece::Variable(name) | Piece::Parameter(name) if !is_variable_name(name) => None,
            piece => Some(piece),
        }
    }
}

/// Whether a name starts with a letter and continues with letters, digits and underscores.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

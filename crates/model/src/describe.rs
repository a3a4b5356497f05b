//! The part of a field's reference text that follows from the table.

use crate::kinds::{Kind, PageType};
use crate::set::SetMode;
use crate::table::{Field, Holds, Links, Need, NewRow, Referent, Shown, Table, Unlisted, Written};

/// Absence from the documentation is all that is known of such a field.
const UNDOCUMENTED: &str = "Microsoft documents no place for it in the admin center.";

impl Field {
    /// Describes the field's purpose, its values and where they are stored.
    #[must_use]
    pub fn doc(&self) -> String {
        let mut sentences = Vec::new();
        let form = self.form();
        if !form.is_empty() {
            sentences.push(format!("{form}."));
        }
        if !self.words.note.is_empty() {
            sentences.push(self.words.note.to_owned());
        }
        sentences.extend(self.keys());
        if let Some(kind) = self.names.and_then(Kind::of_table) {
            sentences.push(format!(
                "Name of {}.",
                article(Referent::Named(kind.table()))
            ));
        }
        if self.create_only {
            sentences.push("The server accepts it only when it creates the row.".to_owned());
        }
        if self.list_means == SetMode::AtLeast {
            sentences.push(
                match self.holds {
                    Holds::Parts(part) if part.unlisted == Unlisted::Leave => {
                        "A list names members that must exist, and ignores others."
                    }
                    _ => "A list names members that must exist, and ignores others; `mode: exact` removes them.",
                }
                .to_owned(),
            );
        }
        sentences.extend(self.place());
        sentences.push(format!("Dataverse: {}.", self.stored()));
        format!("{}\n\n{}", self.meaning.trim(), sentences.join(" "))
    }

    /// Describes where people find the field in the admin center.
    fn place(&self) -> Option<String> {
        match self.shown {
            Shown::Unsaid => None,
            Shown::Labelled(screen) => {
                let under = match screen.under {
                    "" => String::new(),
                    under => format!("{under} > "),
                };
                let others = match screen.formerly {
                    [] => String::new(),
                    others => format!(" (other names: {})", others.join(", ")),
                };
                let place = format!("In the admin center: {under}{}{others}.", screen.label);
                Some(format!("{place} {}", screen.hint).trim_end().to_owned())
            }
            Shown::Nowhere { instead: "" } => Some(UNDOCUMENTED.to_owned()),
            Shown::Nowhere { instead } => Some(format!(
                "No page of the admin center shows it as a field. {instead}"
            )),
        }
    }

    /// Describes the accepted values.
    fn form(&self) -> String {
        let mut form = match self.words.form {
            "" => self.type_words(),
            "Text" | "URL" | "https URL" | "Path" | "Logical name" => {
                limited(self.words.form, self.max_length)
            }
            form => form.to_owned(),
        };
        let says_need = form.contains("required");
        let need = match self.need {
            Need::Required if !says_need => "required",
            Need::RequiredOrDefault => "required here or as the project's `defaults.app`",
            _ => "",
        };
        if !need.is_empty() {
            form = match form.as_str() {
                "" => need.replace("required", "Required"),
                form => format!("{form}, {need}"),
            };
        }
        form.push_str(self.words.more);
        let is = if self.words.is { "is" } else { "has" };
        match self.new_row {
            _ if self.options().len() == 1 => {}
            Some(NewRow::Flag(flag)) => form.push_str(&format!("; a new row {is} `{flag}`")),
            Some(NewRow::Word(word)) => {
                form.push_str(&format!("; a new row {is} {}", option(word)));
            }
            None => {}
        }
        if self.null_reads_as == Some(true) {
            form.push_str(", and an empty column counts as `true`");
        }
        form
    }

    fn type_words(&self) -> String {
        match self.holds {
            Holds::Text | Holds::UniqueName | Holds::BusinessUnit => {
                limited("Text", self.max_length)
            }
            Holds::Json => limited("JSON", self.max_length),
            Holds::JsonOrText => match self.max_length {
                Some(max) => {
                    format!("A mapping, stored as JSON, or text; at most {max} characters")
                }
                None => "A mapping, stored as JSON, or text".to_owned(),
            },
            Holds::Number | Holds::Position => match self.range {
                Some((smallest, greatest)) if smallest >= 0 => format!("{smallest} to {greatest}"),
                _ => "Whole number".to_owned(),
            },
            Holds::Flag | Holds::InvertedFlag => "`true` or `false`".to_owned(),
            Holds::Choice(_) | Holds::FlagChoice(_) | Holds::Status(_) => self.options_words(),
            Holds::Lookup { to, .. } => format!("Name of {}", article(to)),
            Holds::Ids { to, .. } => format!("List of {}", noun(to)),
            Holds::Set { to, links, .. } => match links {
                Links::Only(_) => "`true` or `false`".to_owned(),
                Links::One => format!("Name of {}", article(to)),
                Links::All | Links::Except(_) | Links::Items(_) => match to {
                    Referent::User => {
                        "Set of users: user principal name, e-mail address or Entra object id"
                            .to_owned()
                    }
                    to => format!("Set of {}", noun(to)),
                },
            },
            Holds::Owner
            | Holds::Parts(_)
            | Holds::ParametersCopy
            | Holds::Option
            | Holds::OneOf(_) => String::new(),
        }
    }

    fn options_words(&self) -> String {
        let words: Vec<String> = self.options().iter().map(|one| option(one.word)).collect();
        match words.as_slice() {
            [] => String::new(),
            [one] => format!("{one}, the only value"),
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        }
    }

    /// Names the keys of a mapping.
    fn keys(&self) -> Option<String> {
        let Holds::Parts(part) = self.holds else {
            return None;
        };
        match part.written {
            Written::List | Written::Set => None,
            Written::Features(features) => {
                let words: Vec<String> = features.iter().map(|one| option(one.word)).collect();
                Some(format!("Features: {}.", words.join(", ")))
            }
            Written::Parameters => {
                let pages = PageType::ALL
                    .iter()
                    .filter(|page| !page.parameters().is_empty());
                let pages: Vec<String> = pages
                    .map(|page| {
                        let all = page.parameters().iter().map(|name| {
                            match page.needed_parameters().contains(name) {
                                true => format!("`{name}` (needed)"),
                                false => format!("`{name}`"),
                            }
                        });
                        let all: Vec<String> = all.collect();
                        format!("`{}` has {}", page.as_str(), all.join(", "))
                    })
                    .collect();
                Some(format!("Of the page types, {}.", pages.join("; ")))
            }
        }
    }

    /// Describes where the value is stored.
    fn stored(&self) -> String {
        let mut stored = match (self.words.stored, self.holds) {
            ("", Holds::Set { .. }) => format!("N:N `{}`", self.column),
            ("", _) => format!("`{}`", self.column),
            (stored, _) => stored.to_owned(),
        };
        if self.localizable {
            stored.push_str(", localizable");
        }
        stored
    }
}

fn limited(noun: &str, max: Option<u32>) -> String {
    match max {
        Some(max) => format!("{noun} of at most {max} characters"),
        None => noun.to_owned(),
    }
}

/// Quotes a word that YAML would read as a number.
fn option(word: &str) -> String {
    match word.parse::<f64>() {
        Ok(_) => format!("`\"{word}\"`"),
        Err(_) => format!("`{word}`"),
    }
}

fn noun(to: Referent) -> String {
    let kind = |table: &Table| Kind::of_table(table).map_or(table.logical, Kind::as_str);
    match to {
        Referent::Named(table) => kind(table).to_owned(),
        Referent::User => "user".to_owned(),
        Referent::WebResource => "web resource".to_owned(),
        Referent::Macro => "process".to_owned(),
        Referent::Role => "security role".to_owned(),
        Referent::Row(table) => format!("row of `{}`", table.logical),
    }
}

fn article(to: Referent) -> String {
    let noun = noun(to);
    let vowel = noun.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

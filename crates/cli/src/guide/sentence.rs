//! Sentences of a guide: our own words, names on the screen, and texts from outside, kept separate until they are rendered.

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Our own words.
    Ours(String),
    /// A name on the screen, such as the label of a box.
    Screen(String),
    /// A name or value from outside.
    Outside(String),
    /// A sentence from outside.
    Prose(String),
}

/// A sentence, or the text of a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sentence(pub(crate) Vec<Piece>);

impl Sentence {
    /// Parses our own words; names on the screen are in backticks.
    pub(crate) fn of(ours: &str) -> Self {
        Self::default().and(ours)
    }

    /// Appends more of our own words.
    pub(crate) fn and(mut self, ours: &str) -> Self {
        for (at, piece) in ours.split('`').enumerate() {
            if piece.is_empty() {
                continue;
            }
            let piece = piece.to_owned();
            self.0.push(if at % 2 == 1 {
                Piece::Screen(piece)
            } else {
                Piece::Ours(piece)
            });
        }
        self
    }

    pub(crate) fn screen(mut self, name: &str) -> Self {
        self.0.push(Piece::Screen(name.to_owned()));
        self
    }

    pub(crate) fn outside(mut self, text: &str) -> Self {
        self.0.push(Piece::Outside(text.to_owned()));
        self
    }

    pub(crate) fn prose(mut self, text: &str) -> Self {
        let text = text.trim().trim_end_matches('.');
        self.0.push(Piece::Prose(text.to_owned()));
        self
    }

    /// Appends pieces separated by commas, with a word before the last one.
    pub(crate) fn list(mut self, pieces: impl IntoIterator<Item = Piece>, last: &str) -> Self {
        let pieces: Vec<Piece> = pieces.into_iter().collect();
        let count = pieces.len();
        for (at, piece) in pieces.into_iter().enumerate() {
            if at > 0 {
                let between = if at + 1 == count {
                    format!(" {last} ")
                } else {
                    ", ".to_owned()
                };
                self.0.push(Piece::Ours(between));
            }
            self.0.push(piece);
        }
        self
    }
}

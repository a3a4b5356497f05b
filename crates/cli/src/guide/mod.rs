//! The guide for manual setup: the manifests and the contracts' requirements as steps on the pages of the admin center.
//!
//! A pure model, which renderers turn into Markdown or a page. The names of pages and boxes come from the kinds' tables.

mod before;
mod checks;
mod demands;
mod desk;
mod sentence;
mod steps;
mod values;

use deskstate_model::{Manifests, ResourceKey, Target};

use crate::door::plain;
pub(crate) use demands::Weight;
use desk::Desk;
pub(crate) use sentence::{Piece, Sentence};

/// A guide.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guide {
    /// The project.
    pub(crate) project: String,
    /// What it sets up, and what it was generated from.
    pub(crate) about: Vec<Sentence>,
    /// Whether contracts rate how binding each value is.
    pub(crate) has_weights: bool,
    /// The prerequisites.
    pub(crate) before: Vec<Sentence>,
    /// The steps, in an order that works.
    pub(crate) steps: Vec<Step>,
    /// The final checks.
    pub(crate) checks: Vec<Sentence>,
}

/// The creation of one resource, or one task related to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// The task.
    pub(crate) title: Sentence,
    /// The resource that the step creates.
    pub(crate) makes: Option<ResourceKey>,
    /// The instructions.
    pub(crate) blocks: Vec<Block>,
}

/// A part of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    /// An instruction.
    Do(Sentence),
    /// Boxes to fill in.
    Boxes(Vec<Row>),
    /// Additional information.
    Note(Sentence),
}

/// A box and its content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Its label.
    pub(crate) label: Sentence,
    /// The content.
    pub(crate) value: Value,
    /// How binding the value is.
    pub(crate) weight: Weight,
}

/// The content of a box.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Exactly this text.
    Typed(String),
    /// A description in words.
    Said(Sentence),
}

impl Weight {
    /// The text of the last column.
    pub(crate) fn words(&self) -> Sentence {
        match self {
            Weight::Fixed => Sentence::of("Do not change"),
            Weight::FixedPart(part) => Sentence::of("Do not change ").outside(part),
            Weight::Form(form) => Sentence::of("Keep the form ").outside(form),
            Weight::AnyValue => Sentence::of("Must have a value"),
            Weight::Preferred => Sentence::of("Preferred"),
            Weight::Free => Sentence::of("Free"),
        }
    }
}

/// The texts of the last column, and their meanings.
pub(crate) const LEGEND: [(&str, &str); 4] = [
    (
        "Do not change",
        "The vendor's contract requires exactly this value.",
    ),
    (
        "Must have a value",
        "Any value will do, but there must be one.",
    ),
    (
        "Preferred",
        "The vendor recommends this value, and works with others.",
    ),
    (
        "Free",
        "An example, or a decision of this project. No contract asks for it.",
    ),
];

/// Builds the guide. Returns `None` if the manifests declare nothing.
pub(crate) fn guide(manifests: &Manifests) -> Option<Guide> {
    let project = manifests.project.as_ref()?;
    if manifests.resources.is_empty() {
        return None;
    }
    let desk = Desk::of(manifests, project);
    let environment = manifests
        .environment
        .as_ref()
        .and_then(|name| project.environments.get(name));
    let mut about = Vec::new();
    about.push(match environment {
        None => Sentence::of("For every environment of ")
            .outside(&project.name.value)
            .and(". Values may differ by environment: make the guide of one with ")
            .outside("--env NAME")
            .and("."),
        Some(environment) => {
            let about = Sentence::of("For ").outside(&environment.name);
            match &environment.target {
                Target::Url(url) => about.and(" at ").outside(&url.value).and("."),
                Target::Emulator { .. } => about.and(", an emulator on this machine."),
            }
        }
    });
    for contract in &manifests.contracts {
        let name = contract.display_name.as_ref();
        let mut sentence =
            Sentence::of("It follows the contract ").outside(name.unwrap_or(&contract.name.value));
        if let Some(source) = &contract.source {
            sentence = sentence.and(" (").prose(source).and(")");
        }
        about.push(sentence.and("."));
    }
    let steps = steps::steps(&desk);
    if steps.iter().any(holds_hidden) {
        about.push(
            Sentence::of("Some values hold characters that cannot be shown safely. Their numbers stand for them, such as ")
                .outside("\\u{3a}")
                .and(". Do not type those: copy the values from the manifests."),
        );
    }
    Some(Guide {
        project: project.name.value.clone(),
        about,
        has_weights: !manifests.contracts.is_empty(),
        before: before::sentences(&desk),
        steps,
        checks: checks::sentences(&desk, environment),
    })
}

/// Whether a text that people enter is shown in escaped form.
fn holds_hidden(step: &Step) -> bool {
    let rows = step.blocks.iter().flat_map(|block| match block {
        Block::Boxes(rows) => rows.as_slice(),
        Block::Do(_) | Block::Note(_) => &[],
    });
    let is_hidden = |text: &str| text.lines().any(|line| plain(line) != line);
    rows.into_iter().any(|row| match &row.value {
        Value::Typed(text) => is_hidden(text),
        Value::Said(sentence) => sentence.0.iter().any(|piece| match piece {
            Piece::Outside(text) => is_hidden(text),
            Piece::Ours(_) | Piece::Screen(_) | Piece::Prose(_) => false,
        }),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A guide with the same text everywhere.
    pub(crate) fn saying(text: &str) -> Guide {
        let said = || {
            Sentence::of("a ")
                .outside(text)
                .and(" ")
                .prose(text)
                .and(".")
        };
        let row = |value, weight| Row {
            label: Sentence::default().outside(text),
            value,
            weight,
        };
        let step = Step {
            title: said(),
            makes: None,
            blocks: vec![
                Block::Do(said()),
                Block::Note(said()),
                Block::Boxes(vec![
                    row(Value::Typed(text.to_owned()), Weight::Fixed),
                    row(Value::Said(said()), Weight::Form(text.to_owned())),
                    row(Value::Said(said()), Weight::FixedPart(text.to_owned())),
                ]),
            ],
        };
        Guide {
            project: text.to_owned(),
            about: vec![said()],
            has_weights: true,
            before: vec![said()],
            steps: vec![step],
            checks: vec![said()],
        }
    }
}

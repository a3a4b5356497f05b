//! The final checks that everything works.

use deskstate_model::{Environment, Kind, State, Target};

use super::desk::Desk;
use super::{Piece, Sentence};
use crate::specs;

pub(super) fn sentences(desk: &Desk<'_>, environment: Option<&Environment>) -> Vec<Sentence> {
    let mut checks = Vec::new();
    let env = environment.map_or("NAME", |environment| environment.name.as_str());
    if desk.manifests.contracts.is_empty() {
        checks.push(
            Sentence::of("In the project, run ")
                .outside(&crate::suggest::bare("drift", &["--env", env]))
                .and(". It reports every difference from this guide."),
        );
    } else {
        checks.push(
            Sentence::of("In the project, run ")
                .outside(&crate::suggest::bare("check", &["--env", env]))
                .and(". Every rule must be kept."),
        );
        let files = contract_files(desk);
        if let Some(Target::Url(url)) = environment.map(|environment| &environment.target) {
            let mut words = vec!["--url", url.value.as_str()];
            words.extend(files.iter().flat_map(|file| ["--contract", file]));
            checks.push(
                Sentence::of("Without the project, the contract is enough: ")
                    .outside(&crate::suggest::bare("check", &words))
                    .and("."),
            );
        }
    }
    checks.extend(looks(desk));
    if !desk.demands.elsewhere.is_empty() {
        let rules = desk.demands.elsewhere.iter().cloned().map(Piece::Outside);
        checks.push(
            Sentence::of("These rules of the contracts are about resources that this guide does not set up: ")
                .list(rules, "and")
                .and("."),
        );
    }
    checks
}

fn contract_files<'a>(desk: &Desk<'a>) -> Vec<&'a str> {
    let mut files = Vec::new();
    for contract in &desk.manifests.contracts {
        let path = desk.manifests.sources.path(contract.name.span.file);
        if !files.contains(&path) {
            files.push(path);
        }
    }
    files
}

/// Everything that agents must see.
fn looks(desk: &Desk<'_>) -> Vec<Sentence> {
    let mut looks = Vec::new();
    let of = |kind: Kind| {
        desk.present().filter(move |(declared, _)| {
            declared.key.kind == kind && declared.state == State::Present
        })
    };
    if of(Kind::APP_PROFILE).next().is_some() || of(Kind::CHANNEL_PROVIDER).next().is_some() {
        looks.push(Sentence::of("Sign in as one of the users to Copilot Service workspace, or to the Omnichannel for Customer Service app. Changes show after signing in again or reloading."));
    }
    for (_, spec) in of(Kind::CHANNEL_PROVIDER) {
        let label = specs::text(spec, "label").unwrap_or_default();
        looks.push(
            Sentence::of("The widget ")
                .outside(label)
                .and(" loads in the communication panel."),
        );
    }
    for (_, spec) in of(Kind::NOTIFICATION_TEMPLATE) {
        let name = specs::text(spec, "displayName").unwrap_or_default();
        looks.push(
            Sentence::of("A call or conversation that uses ")
                .outside(name)
                .and(" shows a notification with the title and the buttons of this guide."),
        );
    }
    let mut sessions = false;
    for (_, spec) in of(Kind::SESSION_TEMPLATE) {
        let name = specs::text(spec, "displayName").unwrap_or_default();
        let opens = Sentence::of("The session ").outside(name);
        looks.push(match specs::text(spec, "entity") {
            Some(entity) => opens
                .and(" opens for a record of ")
                .outside(entity)
                .and("."),
            None => opens.and(" opens with each call or conversation that uses it."),
        });
        sessions = true;
    }
    if sessions {
        looks.push(Sentence::of(
            "With a second one, the session panel keeps both customers at once.",
        ));
    }
    looks
}

//! Tools that read open environments. Their readers cannot write.

use std::collections::BTreeSet;

use deskstate_dataverse::Stop;
use deskstate_files::EXPORTED_AT_ONCE;
use deskstate_reconcile::check::Keeping;
use deskstate_reconcile::export::{Selection, write};
use deskstate_reconcile::plan::SyncState;
use deskstate_reconcile::plan_file::{self, About, Report};
use deskstate_reconcile::raise::{Loss, Options};
use deskstate_reconcile::{Desired, lower};
use serde_json::{Map, Value as Json, json};

use super::answer::{Answer, Failure, From};
use super::asked::{Check, Diff, Drift, Explain, Export, Plan, Who};
use super::desk::{Desk, failure, items, told};
use crate::commands::choosing::{self, Choosing};
use crate::commands::diff::Wanted;
use crate::commands::exporting::{People, export_exactly, read_all};
use crate::commands::judging::Judging;
use crate::commands::live::{Cutting, compare};
use crate::commands::{check, drift, explain, plan, who};
use crate::environment::Readable;
use crate::error::Error;
use crate::output::drift_report::Seen;
use crate::output::{count, drift_json};
use crate::project::{Need, load_contracts, load_project_file};
use crate::revision;
use crate::suggest::suggest;
use crate::today;
use crate::ui::Ui;

fn choosing(what: &[String], ui: &mut Ui) -> Result<Choosing, Failure> {
    Choosing::of_words(what).map_err(|error| failure(&error, ui, None))
}

fn parsed(json: &str) -> Json {
    serde_json::from_str(json).unwrap_or_default()
}

/// Picks numbers and words of an object as details.
fn details(object: &Json, names: &[&str]) -> Map<String, Json> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), object[*name].clone()))
        .collect()
}

/// Shows what apply would change.
pub(super) async fn plan(
    desk: &Desk,
    asked: &Plan,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    let name = asked.environment.as_str();
    let loaded = desk.load(name, ui)?;
    let judging = Judging::strictly(choosing(&asked.what, ui)?);
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(name));
    let environment = loaded.environment().map_err(|error| failed(&error, ui))?;
    let work = async |opened: Readable| {
        let compared = compare(&loaded, environment, &opened.reader, &judging, None, ui).await?;
        let transactions = Cutting::default().count(&compared.plan, &loaded, &opened.answers);
        let revision = revision::describe(&loaded.root, [&loaded.manifests.sources]);
        let json = plan::as_json(
            &loaded,
            &compared,
            &opened.address,
            revision.as_deref(),
            transactions,
        );
        Ok((json, compared.plan.state()))
    };
    let (json, state) = match desk.read(environment, stop, work).await {
        Ok(planned) => planned,
        Err(error) => return Err(failed(&error, ui)),
    };
    let mut file = parsed(&json);
    let mut report = file["report"].take();
    let is_selection = report["selection"] == true;
    let findings = items("finding", report["findings"].take());
    let refused = findings
        .iter()
        .filter(|finding| finding["level"] == "refused")
        .count();
    let unplannable = findings
        .iter()
        .filter(|finding| finding["level"] == "unplannable")
        .count();
    let mut all = items("change", file["changes"].take());
    let changes = all.len();
    all.extend(findings);
    if let Json::Array(resources) = report["resources"].take() {
        let unknown = resources
            .into_iter()
            .filter(|resource| resource.get("notPlanned").is_some());
        all.extend(items("notCompared", unknown.collect()));
    }
    all.extend(items("notCompared", report["elsewhere"].take()));
    all.extend(told(ui));
    let unknown = state == SyncState::Unknown || unplannable > 0;
    Ok(Answer {
        summary: match (unknown, changes) {
            (true, _) => format!(
                "Not everything in {name} could be compared. {} known.",
                count(changes, "change")
            ),
            (false, 0) if is_selection => {
                format!("{name} matches the selected manifests; nothing else was compared.")
            }
            (false, 0) => format!("{name} matches the manifests."),
            (false, changes) => format!(
                "{} for {name}; review refuses {refused}.",
                count(changes, "change")
            ),
        },
        state: match (unknown, changes) {
            (true, _) => "unknown",
            (false, 0) => "inSync",
            (false, _) => "different",
        },
        details: details(
            &report,
            &[
                "address",
                "transactions",
                "agents",
                "counts",
                "requests",
                "selection",
            ],
        ),
        items: all,
        next: match changes {
            0 => Vec::new(),
            _ => vec![format!(
                "a person reviews the manifests in a pull request and then runs {}",
                suggest("apply", &["--env", name])
            )],
        },
        from: From::Live(vec![name.to_owned()]),
    })
}

/// Reports how an environment differs from the manifests.
pub(super) async fn drift(
    desk: &Desk,
    asked: &Drift,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    let name = asked.environment.as_str();
    let loaded = desk.load(name, ui)?;
    let choosing = choosing(&asked.what, ui)?;
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(name));
    choosing
        .keys(&loaded.manifests, ui)
        .map_err(|error| failed(&error, ui))?;
    let only = drift::only(&choosing, &loaded, None);
    let environment = loaded.environment().map_err(|error| failed(&error, ui))?;
    let today = today::utc();
    let work = async |opened: Readable| {
        let address = opened.address;
        drift::look_with(
            &opened.reader,
            address,
            &loaded,
            None,
            only.as_ref(),
            &today,
            false,
        )
        .await
    };
    let looked = match desk.read(environment, stop, work).await {
        Ok(looked) => looked,
        Err(error) => return Err(failed(&error, ui)),
    };
    let seen = Seen {
        environment: name.to_owned(),
        looked: Ok(looked),
    };
    let outcome = seen.outcome();
    let revision = revision::describe(&loaded.root, [&loaded.manifests.sources]);
    let mut report = parsed(&drift_json::render(
        std::slice::from_ref(&seen),
        revision.as_deref(),
    ));
    let mut report = report["environments"][0].take();
    let mut all = items("drifted", report["drifted"].take());
    let drifted = all.len();
    for (of_type, list) in [
        ("brokenRule", "contracts"),
        ("notCompared", "notCompared"),
        ("finding", "findings"),
        ("undeclared", "extras"),
        ("undeclaredUnknown", "extrasUnknown"),
        ("accepted", "ignored"),
        ("expiredRule", "expiredRules"),
    ] {
        all.extend(items(of_type, report[list].take()));
    }
    all.extend(told(ui));
    let differ = match drifted {
        1 => "1 resource differs".to_owned(),
        number => format!("{} differ", count(number, "resource")),
    };
    let compared = match seen.is_selection() {
        true => format!("{name} (only what `what` names)"),
        false => name.to_owned(),
    };
    Ok(Answer {
        summary: format!("{compared}: {}; {differ}.", outcome.words()),
        state: outcome.code(),
        details: details(&report, &["address", "resources", "asDeclared", "unknown", "classes", "auditing", "requests"]),
        items: all,
        next: match drifted {
            0 => Vec::new(),
            _ => vec![
                "`propose` with `change: adopt` gives a patch that copies the live values into the manifests".to_owned(),
                format!("a person restores the declared state with {}", suggest("apply", &["--env", name])),
            ],
        },
        from: From::Live(vec![name.to_owned()]),
    })
}

/// Shows an agent's profile.
pub(super) async fn who(
    desk: &Desk,
    asked: &Who,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    let name = asked.environment.as_str();
    desk.admit(name)?;
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(name));
    let loaded = crate::project::load_if_valid(&desk.global(), name, ui);
    let (loaded, errors) = loaded.map_err(|error| failed(&error, ui))?;
    let environment = loaded.environment().map_err(|error| failed(&error, ui))?;
    let work =
        async |opened: Readable| who::look_up(&opened.reader, &loaded, &asked.user, ui).await;
    let found = match desk.read(environment, stop, work).await {
        Ok(found) => found,
        Err(error) => return Err(failed(&error, ui)),
    };
    let json = found.as_json(name).map_err(|error| failed(&error, ui))?;
    let mut answer = parsed(&json);
    let profile = answer["profile"].as_str().map(str::to_owned);
    let unseen = !found.answer.unseen.is_empty();
    let mut all = items("candidate", answer["candidates"].take());
    if let Json::Object(desktop) = answer["desktop"].take() {
        all.extend(
            desktop.into_iter().map(
                |(what, members)| json!({"type": "desktop", "what": what, "members": members}),
            ),
        );
    }
    all.extend(items("notApplied", answer["notApplied"].take()));
    all.extend(items("notSeen", answer["notSeen"].take()));
    all.extend(told(ui));
    if errors > 0 {
        all.push(json!({"type": "note", "text": "the manifests have errors, so no team is named as the source of an assignment"}));
    }
    Ok(Answer {
        summary: match (&profile, unseen) {
            (_, true) => "Not everything that determines the profile could be read.".to_owned(),
            (Some(_), false) => format!(
                "The profile of {} is known; a user has one in each app, and the items list all.",
                asked.user
            ),
            (None, false) => format!("No single profile is known for {}.", asked.user),
        },
        state: match (&profile, unseen) {
            (_, true) => "unknown",
            (Some(_), false) => "found",
            (None, false) => "none",
        },
        details: details(&answer, &["user", "profile"]),
        items: all,
        next: Vec::new(),
        from: From::Live(vec![name.to_owned()]),
    })
}

/// Compares two environments.
pub(super) async fn diff(
    desk: &Desk,
    asked: &Diff,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    let (from, to) = (asked.from.as_str(), asked.to.as_str());
    desk.admit(from)?;
    desk.admit(to)?;
    let own = desk.load(from, ui)?;
    let other = desk.load(to, ui)?;
    let choosing = choosing(&asked.what, ui)?;
    let mut labels = choosing::labels(&own.manifests);
    labels.extend(choosing::labels(&other.manifests));
    let prefixes = asked.prefixes.iter();
    let prefixes: BTreeSet<String> = prefixes
        .map(|prefix| prefix.trim_end_matches('_').to_owned())
        .collect();
    let is_part = !choosing.is_everything() || !prefixes.is_empty();
    let selection = Selection {
        prefixes: prefixes.clone(),
        what: choosing.selectors(),
        labels,
        ..Selection::default()
    };
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(from));
    let project = lower(&own.manifests);
    let own = own.environment().map_err(|error| failed(&error, ui))?;
    let other = other.environment().map_err(|error| failed(&error, ui))?;
    let none = Desired::default();
    let work = async |opened: Readable| read_all(&opened.reader, &none, other, ui).await;
    let wanted = match desk.read(other, stop, work).await {
        Ok(live) => Wanted::of(&live, selection, People::None, &project),
        Err(error) => return Err(failed(&error, ui)),
    };
    let work = async |opened: Readable| {
        let live = read_all(&opened.reader, &wanted.desired, own, ui).await?;
        Ok((live, opened.address))
    };
    let (live, address) = match desk.read(own, stop, work).await {
        Ok(read) => read,
        Err(error) => return Err(failed(&error, ui)),
    };
    let compared = wanted
        .beside(from, to, &live, address)
        .map_err(|error| failed(&error, ui))?;
    ui.note("users were compared neither as members nor as owners");
    let pair = format!("{from} → {to}");
    let file = plan_file::write(
        &compared.plan,
        &live,
        &About {
            environment: &pair,
            revision: None,
            sources: &compared.manifests.sources,
            reach: None,
            report: &Report::default(),
        },
    );
    let mut all = items("change", parsed(&file)["changes"].take());
    all.extend(compared.only_from.iter().map(|key| {
        json!({"type": "onlyIn", "environment": from, "kind": key.kind.as_str(), "name": key.name.as_written()})
    }));
    all.extend(compared.apart.iter().map(|key| {
        json!({"type": "notAField", "environment": from, "kind": key.kind.as_str(), "name": key.name.as_written()})
    }));
    let differences = all.len();
    all.extend(compared.findings.iter().map(
        |finding| json!({"type": "notCompared", "code": finding.code, "reason": finding.message}),
    ));
    all.extend(compared.lost.iter().map(|(resource, left_out)| {
        json!({"type": "notCompared", "about": resource, "field": left_out.path, "reason": left_out.why})
    }));
    let notes = told(ui);
    let told_only = notes.len();
    all.extend(notes);
    let state = compared.outcome();
    let is_nothing = compared.plan.resources.is_empty() && all.len() == told_only;
    Ok(Answer {
        summary: match state {
            SyncState::InSync if is_nothing => {
                format!(
                    "Neither {from} nor {to} has a row that was selected, so nothing was compared."
                )
            }
            SyncState::InSync => format!(
                "{from} and {to} are equal{}, except for users, who were not compared.",
                if is_part { " in what was selected" } else { "" }
            ),
            SyncState::Different => format!(
                "{} would make {from} like {to}.",
                count(differences, "change")
            ),
            SyncState::Unknown => format!(
                "Not everything could be compared. {} known.",
                count(differences, "difference")
            ),
        },
        state: match state {
            SyncState::InSync => "inSync",
            SyncState::Different => "different",
            SyncState::Unknown => "unknown",
        },
        items: all,
        from: From::Live(vec![from.to_owned(), to.to_owned()]),
        ..Answer::default()
    })
}

/// Checks an environment against the contracts of the project.
pub(super) async fn check(
    desk: &Desk,
    asked: &Check,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    let name = asked.environment.as_str();
    desk.admit(name)?;
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(name));
    let loaded = load_contracts(&desk.global(), name, ui).map_err(|error| failed(&error, ui))?;
    if loaded
        .manifests
        .contracts
        .iter()
        .all(|contract| contract.rules.is_empty())
    {
        return Err(Failure::new("no-rules", "there is no rule to check")
            .next("list a contract with rules under `contracts` in deskstate.yaml"));
    }
    let environment = loaded
        .environment()
        .map_err(|error| failed(&error, ui))?
        .clone();
    let work = async |opened: Readable| {
        check::judge_project(&opened.reader, &opened.address, loaded, ui).await
    };
    let (json, keeping) = match desk.read(&environment, stop, work).await {
        Ok(judged) => judged,
        Err(error) => return Err(failed(&error, ui)),
    };
    let mut report = parsed(&json);
    let mut all = items("rule", report["rules"].take());
    // Broken and unknown rules come first.
    all.sort_by_key(|rule| rule["state"] == Keeping::Kept.word());
    all.extend(told(ui));
    Ok(Answer {
        summary: format!(
            "{name}: {} kept, {} broken, {} unknown.",
            report["kept"], report["broken"], report["unknown"]
        ),
        state: match keeping {
            Keeping::Kept => "kept",
            Keeping::Broken => "broken",
            Keeping::Unknown => "unknown",
        },
        details: details(
            &report,
            &[
                "address", "kept", "broken", "unknown", "auditing", "requests",
            ],
        ),
        items: all,
        from: From::Live(vec![name.to_owned()]),
        ..Answer::default()
    })
}

/// Exports rows as manifests.
pub(super) async fn export(
    desk: &Desk,
    asked: &Export,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    let name = asked.environment.as_str();
    desk.admit(name)?;
    if asked.what.is_empty() || asked.what.len() > EXPORTED_AT_ONCE {
        return Err(Failure::new(
            "too-large",
            format!("an assistant can export 1 to {EXPORTED_AT_ONCE} resources at once"),
        )
        .next(format!(
            "name them under `what`; a person exports everything with {}",
            suggest("export", &["--env", name])
        )));
    }
    let choosing = choosing(&asked.what, ui)?;
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(name));
    let loaded = load_project_file(&desk.global(), name, Need::ProjectFile, ui)
        .map_err(|error| failed(&error, ui))?;
    let environment = loaded.environment().map_err(|error| failed(&error, ui))?;
    let owned = loaded.owned_names();
    let selection = Selection {
        what: choosing.selectors(),
        ..Selection::default()
    };
    let options = Options {
        owned: &owned,
        ..Options::default()
    };
    let work = async |opened: Readable| {
        let live = read_all(&opened.reader, &Desired::default(), environment, ui).await?;
        export_exactly(&opened.reader, &live, &selection, options).await
    };
    let exported = match desk.read(environment, stop, work).await {
        Ok(exported) => exported,
        Err(error) => return Err(failed(&error, ui)),
    };
    let mut all: Vec<Json> = exported
        .documents
        .iter()
        .map(|document| {
            json!({
                "type": "document",
                "kind": document.key.kind.as_str(),
                "name": document.key.name.as_written(),
                "yaml": write(document),
            })
        })
        .collect();
    let documents = all.len();
    all.extend(exported.left_out.iter().map(|(resource, left_out)| {
        json!({
            "type": if left_out.loss == Loss::None { "note" } else { "leftOut" },
            "resource": resource,
            "field": left_out.path,
            "text": left_out.why,
        })
    }));
    all.extend(exported.needed.iter().map(|(needed, by)| {
        json!({"type": "alsoIncluded", "resource": needed.to_string(), "requiredBy": by.to_string()})
    }));
    all.extend(exported.not_found.iter().map(
        |nothing| json!({"type": "notFound", "text": nothing.to_string(), "help": nothing.help}),
    ));
    all.extend(told(ui));
    let whole = !exported.loses() && exported.not_found.is_empty();
    Ok(Answer {
        summary: format!(
            "{} of {name}{}.",
            count(documents, "document"),
            if whole { "" } else { "; incomplete" }
        ),
        state: if whole { "ok" } else { "incomplete" },
        items: all,
        next: vec!["`propose` with `change: adopt` gives a patch with new files for rows that no manifest declares".to_owned()],
        from: From::Live(vec![name.to_owned()]),
        ..Answer::default()
    })
}

/// Finds rows by their display names.
pub(super) async fn rows(
    desk: &Desk,
    asked: &Explain,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    let name = asked.environment.as_deref().unwrap_or_default();
    desk.admit(name)?;
    let Some(subject) = &asked.subject else {
        return Err(Failure::new(
            "invalid-arguments",
            "`environment` needs a `subject`: the name to look for",
        ));
    };
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(name));
    let loaded = load_project_file(&desk.global(), name, Need::ProjectFile, ui)
        .map_err(|error| failed(&error, ui))?;
    let environment = loaded.environment().map_err(|error| failed(&error, ui))?;
    let work = async |opened: Readable| {
        explain::rows_called(&opened.reader, environment, subject, ui).await
    };
    let (rows, unseen) = match desk.read(environment, stop, work).await {
        Ok(found) => found,
        Err(error) => return Err(failed(&error, ui)),
    };
    let mut all: Vec<Json> = rows
        .iter()
        .map(|row| {
            json!({
                "type": "row",
                "kind": row.key.kind.as_str(),
                "name": row.key.name.as_written(),
                "label": row.label,
                "managed": row.managed,
            })
        })
        .collect();
    all.extend(
        unseen
            .iter()
            .map(|kind| json!({"type": "notSeen", "kind": kind})),
    );
    all.extend(told(ui));
    Ok(Answer {
        summary: match unseen.len() {
            0 => format!("{} of {name} with this name.", count(rows.len(), "row")),
            _ => format!(
                "{} of {name} with this name; not all could be read.",
                count(rows.len(), "row")
            ),
        },
        state: match (unseen.len(), rows.len()) {
            (0, 0) => "none",
            (0, _) => "found",
            _ => "unknown",
        },
        items: all,
        from: From::Live(vec![name.to_owned()]),
        ..Answer::default()
    })
}

//! Drift for programs. Version 1 of its format: fields may be added, but never change.

use deskstate_reconcile::drift::{Difference, DriftState, Shift};
use serde_json::{Value as Json, json};

use super::drift_report::{Looked, Seen, counts};
use super::sides::{Texts, told_apart_in_json};
use super::verdict::About;

/// Renders the report as one object.
pub(crate) fn render(seen: &[Seen], revision: Option<&str>) -> String {
    let environments: Vec<Json> = seen
        .iter()
        .map(|one| match &one.looked {
            Ok(looked) => environment(&one.environment, looked),
            Err(why) => {
                json!({"environment": one.environment, "status": one.outcome().code(), "error": why})
            }
        })
        .collect();
    let report = json!({"formatVersion": 1, "manifests": revision, "environments": environments});
    let json = super::harmless_json(&format!("{report:#}\n"));
    told_apart_in_json(json, seen.iter().flat_map(texts))
}

/// The differences without authors, times and locations: the part that is equal in two runs with the same result.
pub(crate) fn facts(seen: &Seen) -> Json {
    let Ok(looked) = &seen.looked else {
        return Json::Null;
    };
    let drifted: Vec<Json> = looked
        .report
        .drifted
        .iter()
        .map(|drifted| {
            let differences: Vec<Json> = drifted
                .differences
                .iter()
                .map(|difference| json!([difference.path, shift(&difference.shift)]))
                .collect();
            json!([
                drifted.key.to_string(),
                state_code(drifted.state),
                differences
            ])
        })
        .collect();
    let extras: Vec<String> = looked
        .report
        .extras
        .iter()
        .map(|row| row.extra.key.to_string())
        .collect();
    json!([drifted, extras])
}

/// The texts of each difference.
fn texts(seen: &Seen) -> Vec<Texts<'_>> {
    let Ok(looked) = &seen.looked else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for drifted in &looked.report.drifted {
        let mut members = Texts::default();
        for difference in &drifted.differences {
            match &difference.shift {
                Shift::Value { declared, live } => {
                    let mut texts = Texts::default();
                    texts.value(declared);
                    texts.value(live);
                    found.push(texts);
                }
                Shift::Lost { member } | Shift::Gained { member } => members.text(member),
                Shift::Copy { .. } | Shift::Row => {}
            }
        }
        found.push(members);
    }
    found
}

fn environment(name: &str, looked: &Looked) -> Json {
    let report = &looked.report;
    let states = report.states();
    let resources: Vec<Json> = report
        .resources
        .iter()
        .map(|judged| {
            json!({
                "kind": judged.key.kind.as_str(),
                "name": judged.key.name.as_written(),
                "state": judged.state.code(),
            })
        })
        .collect();
    let unplanned: Vec<Json> = looked
        .unplanned()
        .map(|one| {
            let key = match one.about {
                About::Resource(key) => Some(key),
                About::Other(_) => None,
            };
            json!({
                "about": one.about(),
                "kind": key.map(|key| key.kind.as_str()),
                "name": key.map(|key| key.name.as_written()),
                "field": one.obstacle.path,
                "state": one.obstacle.state.code(),
                "code": one.obstacle.code,
                "reason": one.obstacle.reason,
                "at": looked.place(one.obstacle.span),
            })
        })
        .collect();
    let classes: serde_json::Map<String, Json> = counts(report)
        .into_iter()
        .map(|(class, number)| (class.code().to_owned(), json!(number)))
        .collect();
    let drifted: Vec<Json> = report
        .drifted
        .iter()
        .map(|drifted| {
            let state = state_code(drifted.state);
            json!({
                "kind": drifted.key.kind.as_str(),
                "name": drifted.key.name.as_written(),
                "id": drifted.id,
                "state": state,
                "declaredAt": looked.place(drifted.declared_at),
                "reach": looked.reach(&drifted.key),
                "differences": drifted.differences.iter().map(|difference| self::difference(looked, difference)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let extras: Vec<Json> = report
        .extras
        .iter()
        .map(|row| {
            json!({
                "kind": row.extra.key.kind.as_str(),
                "name": row.extra.key.name.as_written(),
                "id": row.extra.id,
                "namedBy": row.extra.named_by,
                "who": row.who,
                "when": row.when,
            })
        })
        .collect();
    let ignored: Vec<Json> = report
        .ignored
        .iter()
        .map(|ignored| {
            json!({"resource": ignored.key.to_string(), "field": ignored.path, "reason": ignored.reason, "until": ignored.until})
        })
        .collect();
    let expired: Vec<Json> = report
        .expired
        .iter()
        .map(|expired| {
            json!({"resources": expired.resources, "reason": expired.reason, "until": expired.until, "at": looked.place(Some(expired.span))})
        })
        .collect();
    let contracts: Vec<Json> = report
        .broken
        .iter()
        .map(|broken| {
            json!({
                "contract": broken.contract,
                "rule": broken.rule,
                "resource": broken.key.as_ref().map(ToString::to_string),
                "field": broken.finding.path.join("."),
                "error": broken.finding.problem.is_error(),
                "breaks": broken.breaks,
                "message": broken.message,
            })
        })
        .collect();
    let findings: Vec<Json> = looked
        .findings
        .iter()
        .map(|finding| {
            let at = finding.primary.as_ref().map(|label| label.span);
            json!({"code": finding.code, "severity": finding.severity.as_str(), "message": finding.message, "at": looked.place(at)})
        })
        .collect();
    json!({
        "environment": name,
        "address": looked.address,
        "status": looked.outcome().code(),
        "resources": states.total(),
        "asDeclared": states.in_sync,
        "unknown": states.unknown,
        "states": resources,
        "notCompared": unplanned,
        "classes": classes,
        "auditing": matches!(report.audit, deskstate_reconcile::blame::Audit::On),
        "requests": looked.requests,
        "drifted": drifted,
        "extras": extras,
        "extrasUnknown": report.unlisted.iter().map(|(kind, why)| json!({"kind": kind.as_str(), "reason": why})).collect::<Vec<_>>(),
        "ignored": ignored,
        "expiredRules": expired,
        "contracts": contracts,
        "findings": findings,
    })
}

fn state_code(state: DriftState) -> &'static str {
    match state {
        DriftState::Changed => "changed",
        DriftState::Missing => "missing",
        DriftState::Unwanted => "unwanted",
    }
}

fn shift(shift: &Shift) -> Json {
    match shift {
        Shift::Value { declared, live } => json!({"declared": declared, "live": live}),
        Shift::Copy { column, declared } => json!({"declared": declared, "copy": column}),
        Shift::Lost { member } => json!({"lost": member}),
        Shift::Gained { member } => json!({"gained": member}),
        Shift::Row => json!({}),
    }
}

fn difference(looked: &Looked, difference: &Difference) -> Json {
    let mut shown = shift(&difference.shift);
    shown["field"] = json!(difference.path);
    shown["class"] = json!(difference.class.code());
    shown["evidence"] = json!(difference.evidence);
    shown["who"] = json!(difference.who);
    shown["when"] = json!(difference.when);
    shown["breaks"] = json!(difference.breaks);
    shown["at"] = json!(looked.place(difference.span));
    shown["wire"] = json!(difference.wire);
    shown
}

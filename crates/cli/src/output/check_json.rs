//! The report of `check` for programs. Version 1 of its format: fields may be added, but never change.

use deskstate_model::SourceMap;
use deskstate_reconcile::check::{Keeping, Source};
use serde_json::{Value as Json, json};

use super::check_report::{Among, CheckReport, Fault, Wanted};
use super::sides::{Texts, told_apart_in_json};

/// Renders the report as one object. Without `sources`, it omits the locations of the contracts.
pub(crate) fn render(report: &CheckReport, sources: Option<&SourceMap>) -> String {
    let rules: Vec<Json> = report
        .rules
        .iter()
        .map(|rule| {
            let at = sources.map(|sources| {
                let (line, _) = sources.line_column(rule.span);
                format!("{}:{line}", sources.path(rule.span.file))
            });
            json!({
                "contract": rule.contract,
                "rule": rule.rule,
                "about": rule.about,
                "state": rule.keeping.word(),
                "checked": rule.checked,
                "message": rule.message,
                "at": at,
                "faults": rule.faults.iter().map(fault).collect::<Vec<_>>(),
                "notJudged": rule.doubts.iter().map(|doubt| json!({
                    "resource": doubt.resource,
                    "field": doubt.field,
                    "reason": doubt.why,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let faults = report.rules.iter().flat_map(|rule| &rule.faults);
    let texts = faults.map(|fault| {
        let mut texts = Texts::default();
        if let Wanted::Value(value) = &fault.wanted {
            texts.value(value);
            texts.value(&fault.actual);
        }
        texts
    });
    let json = json!({
        "formatVersion": 1,
        "environment": report.environment,
        "address": report.address,
        "state": report.keeping().word(),
        "kept": report.number(Keeping::Kept),
        "broken": report.number(Keeping::Broken),
        "unknown": report.number(Keeping::Unknown),
        "requests": report.requests,
        "auditing": report.audit,
        "rules": rules,
    });
    told_apart_in_json(super::harmless_json(&format!("{json:#}\n")), texts)
}

fn fault(fault: &Fault) -> Json {
    let wanted = match &fault.wanted {
        Wanted::Value(value) => json!({"value": value}),
        Wanted::Form(form) => json!({"form": form}),
        Wanted::SomeValue => json!({"anyValue": true}),
        Wanted::Member(member) => json!({"member": member}),
        Wanted::ActiveMember(member) => json!({"member": member, "switchedOn": true}),
        Wanted::ToExist => json!({"exists": true}),
        Wanted::OneThatPasses => json!({"onePasses": true}),
    };
    let written = fault.last_write.as_ref().map(|write| {
        let source = match write.source {
            Source::Auditing => "auditing",
            Source::Row => "lastWriteOfRow",
        };
        json!({"who": write.who, "when": write.when, "source": source})
    });
    json!({
        "resource": fault.resource,
        "field": fault.field,
        "severity": if fault.preferred { "preferred" } else { "required" },
        "among": match fault.among {
            Among::All => "all",
            Among::Nearest => "nearest",
            Among::Others => "others",
        },
        "wanted": wanted,
        "actual": fault.actual,
        "note": fault.note,
        "breaks": fault.breaks,
        "written": written,
    })
}

//! Drift for programs. Version 1 of its format: fields may be added, but never change.

use std::collections::BTreeMap;

use deskstate_reconcile::drift::{Difference, DriftState, Shift};
use deskstate_reconcile::secret::{masked_at, masked_text};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::drift_report::{Looked, Seen, counts};
use super::sides::{Texts, told_apart_in_json};
use super::verdict::About;

/// What `deskstate drift --format json` prints. Fields may be added to version 1, so readers must ignore unknown ones.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Always 1.
    #[schemars(range(min = 1, max = 1))]
    format_version: u32,
    /// Git revision of the manifests that were compared; null for those in the folder.
    manifests: Option<String>,
    /// The environments, in the order of their names.
    environments: Vec<Environment>,
}

/// One environment: compared, or failed.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Environment {
    Compared(Box<Compared>),
    Failed {
        /// Its name in `deskstate.yaml`.
        environment: String,
        /// Always `failed`.
        status: &'static str,
        /// Why nothing could be compared.
        error: String,
    },
}

/// An environment that was compared.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Compared {
    /// Its name in `deskstate.yaml`.
    environment: String,
    /// Its URL, or `embedded emulator`.
    address: String,
    /// `inSync`; `drift`; or `incomplete` if something could not be compared.
    status: &'static str,
    /// Whether only selected resources were compared, and `status` is about them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    selection: bool,
    /// Number of declared resources that were compared.
    resources: usize,
    /// Number of resources that are as declared.
    as_declared: usize,
    /// Number of resources whose state is unknown.
    unknown: usize,
    /// The state of every declared resource.
    states: Vec<Resource>,
    /// Fields and rules that could not be compared, or that differ and cannot be changed.
    not_compared: Vec<NotCompared>,
    /// Number of differences by class.
    #[schemars(with = "BTreeMap<String, usize>")]
    classes: Map<String, Json>,
    /// Whether auditing is on for the organization, so that it is known who changed what.
    auditing: bool,
    /// Number of HTTP requests.
    requests: u64,
    /// Resources that differ.
    drifted: Vec<Drifted>,
    /// Undeclared rows whose names begin with a prefix that the project owns.
    extras: Vec<Extra>,
    /// Kinds whose undeclared rows are unknown.
    extras_unknown: Vec<Unlisted>,
    /// Differences that a rule of the project ignores.
    ignored: Vec<Ignored>,
    /// Rules of the project whose last day is over, so that they ignore nothing.
    expired_rules: Vec<Expired>,
    /// Broken rules of contracts.
    contracts: Vec<Broken>,
    /// Errors and warnings.
    findings: Vec<Finding>,
}

#[derive(Serialize, JsonSchema)]
struct Resource {
    /// Its kind.
    kind: &'static str,
    /// Its unique name.
    name: String,
    /// `inSync`, `different` or `unknown`.
    state: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct NotCompared {
    /// What it is about, in words.
    about: String,
    /// The kind of the resource, if it is about one.
    kind: Option<&'static str>,
    /// The unique name of the resource, if it is about one.
    name: Option<String>,
    /// The field; empty for the complete resource.
    field: String,
    /// `different` or `unknown`.
    state: &'static str,
    /// The code of the finding; `deskstate explain CODE` describes it.
    code: &'static str,
    /// The reason, in words.
    reason: String,
    /// Where it is declared, as `file:line`.
    at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Drifted {
    /// Its kind.
    kind: &'static str,
    /// Its unique name.
    name: String,
    /// The id of its row, or the id that it would get.
    id: String,
    /// `changed`, `missing`, or `unwanted` if it is declared absent.
    state: &'static str,
    /// Where it is declared, as `file:line`.
    declared_at: Option<String>,
    /// The agents that it reaches, in words.
    reach: Option<String>,
    /// The differences; for a row that is missing or unwanted, one without a field.
    differences: Vec<Differing>,
}

#[derive(Serialize, JsonSchema)]
struct Differing {
    /// Exactly one form: `declared` and `live`; `declared` and `copy`; `lost`; `gained`; or none of them for a complete row.
    #[serde(flatten)]
    shift: Sides,
    /// The field, such as `title` or `parameters.url`; empty for the complete row.
    field: String,
    /// `editedByHand`, `notApplied`, `productUpdate`, or `unknown` if the cause is unknown.
    class: &'static str,
    /// The evidence for the class, in words.
    evidence: String,
    /// Who made the change, if known.
    who: Option<String>,
    /// When it was made, as the server states it, usually in ISO 8601.
    when: Option<String>,
    /// What stops working, by contract.
    breaks: Vec<String>,
    /// Where the declared value is written, as `file:line`.
    at: Option<String>,
    /// Table and column, or relationship, in Dataverse.
    wire: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Sides {
    Value {
        /// The declared value; null for none.
        declared: Json,
        /// The live value; null for none.
        live: Json,
    },
    Copy {
        /// The declared value.
        declared: Json,
        /// The column that repeats the value and disagrees with it.
        copy: &'static str,
    },
    Lost {
        /// The declared member that is missing.
        lost: String,
    },
    Gained {
        /// The member that is not declared.
        gained: String,
    },
    Row {},
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Extra {
    /// Its kind.
    kind: &'static str,
    /// Its unique name.
    name: String,
    /// The id of its row.
    id: String,
    /// What still refers to it, in words.
    named_by: Vec<String>,
    /// Who wrote it last, if known.
    who: Option<String>,
    /// When it was written last.
    when: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Unlisted {
    /// The kind.
    kind: &'static str,
    /// Why its undeclared rows are unknown.
    reason: String,
}

#[derive(Serialize, JsonSchema)]
struct Ignored {
    /// Kind and name.
    resource: String,
    /// The field.
    field: String,
    /// The reason that the project states.
    reason: String,
    /// The last day of the rule.
    until: String,
}

#[derive(Serialize, JsonSchema)]
struct Expired {
    /// The resources of the rule.
    resources: String,
    /// The reason that the project states.
    reason: String,
    /// The day that is over.
    until: String,
    /// Where the rule is written, as `file:line`.
    at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Broken {
    /// The contract.
    contract: String,
    /// The rule.
    rule: String,
    /// Kind and name of the resource, if the rule is about one.
    resource: Option<String>,
    /// The field; empty for the complete resource.
    field: String,
    /// Whether it is an error, not a preference.
    error: bool,
    /// What stops working.
    breaks: Option<String>,
    /// The purpose of the rule.
    message: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Finding {
    /// Its code; `deskstate explain CODE` describes it.
    code: &'static str,
    /// `error` or `warning`.
    severity: &'static str,
    /// What is wrong.
    message: String,
    /// Where, as `file:line`.
    at: Option<String>,
}

/// The JSON Schema of the report.
pub(crate) fn schema() -> Json {
    let settings = schemars::generate::SchemaSettings::draft07();
    let schema = settings.into_generator().into_root_schema_for::<Report>();
    let mut schema = schema.to_value();
    schema["title"] = "Drift".into();
    schema
}

/// Renders the report as one object.
pub(crate) fn render(seen: &[Seen], revision: Option<&str>) -> String {
    let environments = seen.iter().map(|one| match &one.looked {
        Ok(looked) => Environment::Compared(Box::new(compared(&one.environment, looked))),
        Err(why) => Environment::Failed {
            environment: one.environment.clone(),
            status: one.outcome().code(),
            error: why.to_string(),
        },
    });
    let report = json!(Report {
        format_version: 1,
        manifests: revision.map(str::to_owned),
        environments: environments.collect(),
    });
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
                .map(|difference| {
                    json!([
                        difference.path,
                        sides(&difference.shift, &Json::clone, str::to_owned)
                    ])
                })
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

fn compared(name: &str, looked: &Looked) -> Compared {
    let report = &looked.report;
    let states = report.states();
    let unplanned = looked.unplanned().map(|one| {
        let key = match one.about {
            About::Resource(key) => Some(key),
            About::Other(_) => None,
        };
        NotCompared {
            about: one.about(),
            kind: key.map(|key| key.kind.as_str()),
            name: key.map(|key| key.name.as_written().to_owned()),
            field: one.obstacle.path.clone(),
            state: one.obstacle.state.code(),
            code: one.obstacle.code,
            reason: one.obstacle.reason.clone(),
            at: looked.place(one.obstacle.span),
        }
    });
    let classes = counts(report).into_iter();
    let classes = classes.map(|(class, number)| (class.code().to_owned(), json!(number)));
    Compared {
        environment: name.to_owned(),
        address: looked.address.clone(),
        status: looked.outcome().code(),
        selection: looked.selection,
        resources: states.total(),
        as_declared: states.in_sync,
        unknown: states.unknown,
        states: (report.resources.iter())
            .map(|judged| Resource {
                kind: judged.key.kind.as_str(),
                name: judged.key.name.as_written().to_owned(),
                state: judged.state.code(),
            })
            .collect(),
        not_compared: unplanned.collect(),
        classes: classes.collect(),
        auditing: matches!(report.audit, deskstate_reconcile::blame::Audit::On),
        requests: looked.requests,
        drifted: (report.drifted.iter())
            .map(|drifted| Drifted {
                kind: drifted.key.kind.as_str(),
                name: drifted.key.name.as_written().to_owned(),
                id: drifted.id.to_string(),
                state: state_code(drifted.state),
                declared_at: looked.place(drifted.declared_at),
                reach: looked.reach(&drifted.key).map(str::to_owned),
                differences: (drifted.differences.iter())
                    .map(|difference| differing(looked, difference))
                    .collect(),
            })
            .collect(),
        extras: (report.extras.iter())
            .map(|row| Extra {
                kind: row.extra.key.kind.as_str(),
                name: row.extra.key.name.as_written().to_owned(),
                id: row.extra.id.to_string(),
                named_by: row.extra.named_by.clone(),
                who: row.who.clone(),
                when: row.when.clone(),
            })
            .collect(),
        extras_unknown: (report.unlisted.iter())
            .map(|(kind, why)| Unlisted {
                kind: kind.as_str(),
                reason: why.clone(),
            })
            .collect(),
        ignored: (report.ignored.iter())
            .map(|ignored| Ignored {
                resource: ignored.key.to_string(),
                field: ignored.path.clone(),
                reason: ignored.reason.clone(),
                until: ignored.until.clone(),
            })
            .collect(),
        expired_rules: (report.expired.iter())
            .map(|expired| Expired {
                resources: expired.resources.clone(),
                reason: expired.reason.clone(),
                until: expired.until.clone(),
                at: looked.place(Some(expired.span)),
            })
            .collect(),
        contracts: (report.broken.iter())
            .map(|broken| Broken {
                contract: broken.contract.clone(),
                rule: broken.rule.clone(),
                resource: broken.key.as_ref().map(ToString::to_string),
                field: broken.finding.path.join("."),
                error: broken.finding.problem.is_error(),
                breaks: broken.breaks.clone(),
                message: broken.message.clone(),
            })
            .collect(),
        findings: (looked.findings.iter())
            .map(|finding| Finding {
                code: finding.code,
                severity: finding.severity.as_str(),
                message: finding.message.clone(),
                at: looked.place(finding.primary.as_ref().map(|label| label.span)),
            })
            .collect(),
    }
}

fn state_code(state: DriftState) -> &'static str {
    match state {
        DriftState::Changed => "changed",
        DriftState::Missing => "missing",
        DriftState::Unwanted => "unwanted",
    }
}

/// The two sides, each value and each name as these functions show it.
fn sides(shift: &Shift, value: &dyn Fn(&Json) -> Json, name: fn(&str) -> String) -> Sides {
    match shift {
        Shift::Value { declared, live } => Sides::Value {
            declared: value(declared),
            live: value(live),
        },
        Shift::Copy { column, declared } => Sides::Copy {
            declared: value(declared),
            copy: column,
        },
        Shift::Lost { member } => Sides::Lost { lost: name(member) },
        Shift::Gained { member } => Sides::Gained {
            gained: name(member),
        },
        Shift::Row => Sides::Row {},
    }
}

fn differing(looked: &Looked, difference: &Difference) -> Differing {
    let masked = |value: &Json| masked_at(&difference.path, value);
    Differing {
        shift: sides(&difference.shift, &masked, masked_text),
        field: difference.path.clone(),
        class: difference.class.code(),
        evidence: difference.evidence.clone(),
        who: difference.who.clone(),
        when: difference.when.clone(),
        breaks: difference.breaks.clone(),
        at: looked.place(difference.span),
        wire: difference.wire.clone(),
    }
}

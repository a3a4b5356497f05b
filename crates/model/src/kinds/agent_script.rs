//! Agent scripts: steps that guide an agent through a conversation.

use serde_json::{Map, Value, json};

use crate::decode::Decoder;
use crate::field::{FieldInfo, FieldRule, FieldType, kind, put};
use crate::given::Given;
use crate::kinds::Status;
use crate::schema::items_schema;
use crate::set::{Owner, Reference};
use crate::span::Spanned;
use crate::yaml::Node;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// An agent script: steps that guide an agent through a conversation.
    ///
    /// Dataverse: `msdyn_productivityagentscript`.
    AgentScript {
        /// Name on the admin pages and for agents.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// What the script is for.
        ///
        /// Text of at most 100 characters. Dataverse: `msdyn_description`, localizable.
        "description" description: String = ANY.max_length(100);
        /// Deactivates the script without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// The language of the script.
        ///
        /// Number of a language (LCID) such as 1033, required. Dataverse: `msdyn_language`.
        "language" language: i64 = ANY.required().range(0, 2_147_483_647);
        /// The steps, numbered from 1 in this order.
        ///
        /// List of steps. Dataverse: rows of `msdyn_productivityagentscriptstep` (`msdyn_agentscriptid`, `msdyn_order`,
        /// `msdyn_actiontype`, `msdyn_uniquename`).
        "steps" steps: ScriptSteps = ANY;
    }
}

/// The steps of a script, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptSteps(pub Vec<Spanned<ScriptStep>>);

/// One step of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptStep {
    /// Its unique name; derived from script and display name where left out. Dataverse: `msdyn_uniquename`.
    pub name: Option<Spanned<String>>,
    /// Heading of the step; may hold slugs. Dataverse: `msdyn_name`, localizable.
    pub display_name: Spanned<String>,
    /// What the step is for. Dataverse: `msdyn_description`, localizable.
    pub description: Given<String>,
    /// What the step does. Dataverse: `msdyn_actiontype` and the column of the action.
    pub action: Spanned<StepAction>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepAction {
    /// Shows a text. Dataverse: `msdyn_textinstruction`, localizable.
    Text(String),
    /// Runs a macro, by the name of its process. Dataverse: `msdyn_macroactionid`.
    Macro(String),
    /// Leads to another script. Dataverse: `msdyn_routeactionid`.
    Script(Reference),
}

const STEP_ITEMS: &[FieldInfo] = &[
    FieldInfo::of::<String>(
        "displayName",
        "Heading of the step; may hold slugs such as `${customerName}`.\n\nText of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.",
        ANY.required().max_length(100),
    ),
    FieldInfo::of::<String>(
        "name",
        "Its unique name; give it to keep the row when the heading changes.\n\nText of at most 128 characters; derived from script and heading where left out. Dataverse: `msdyn_uniquename`.",
        ANY.max_length(128),
    ),
    FieldInfo::of::<String>(
        "description",
        "What the step is for.\n\nText of at most 2000 characters. Dataverse: `msdyn_description`, localizable.",
        ANY.max_length(2000),
    ),
    FieldInfo::of::<RequiredText>(
        "text",
        "Shows a text; may hold slugs such as `${customerName}`.\n\nText of at most 2000 characters; exactly one of `text`, `macro` and `script`. Dataverse: `msdyn_textinstruction`, localizable.",
        ANY.max_length(2000),
    ),
    FieldInfo::of::<RequiredText>(
        "macro",
        "Runs a macro.\n\nName of its process; exactly one of `text`, `macro` and `script`. Dataverse: `msdyn_macroactionid`.",
        ANY,
    ),
    FieldInfo::of::<RequiredReference>(
        "script",
        "Leads to another script.\n\nName of an AgentScript; exactly one of `text`, `macro` and `script`. Dataverse: `msdyn_routeactionid`.",
        ANY,
    ),
];

impl FieldType for ScriptSteps {
    const ITEMS: &'static [FieldInfo] = STEP_ITEMS;

    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        let items = decoder.list(node)?;
        let decoded = items
            .iter()
            .filter_map(|item| Some(Spanned::new(script_step(item, decoder)?, item.span)));
        Some(Self(decoded.collect()))
    }

    fn to_json(&self) -> Value {
        let step = |step: &ScriptStep| {
            let ScriptStep {
                name,
                display_name,
                description,
                action,
            } = step;
            let mut item = Map::new();
            item.insert("displayName".to_owned(), display_name.value.as_str().into());
            if let Some(name) = name {
                item.insert("name".to_owned(), name.value.as_str().into());
            }
            put("description", description, &mut item);
            let (word, value) = match &action.value {
                StepAction::Text(text) => ("text", text.as_str()),
                StepAction::Macro(name) => ("macro", name.as_str()),
                StepAction::Script(name) => ("script", name.as_str()),
            };
            item.insert(word.to_owned(), value.into());
            Value::Object(item)
        };
        Value::from_iter(self.0.iter().map(|given| step(&given.value)))
    }

    fn schema(_rule: FieldRule) -> Value {
        let mut step = items_schema(STEP_ITEMS);
        step["oneOf"] =
            json!([{"required": ["text"]}, {"required": ["macro"]}, {"required": ["script"]}]);
        json!({"type": "array", "items": step})
    }
}

fn script_step(node: &Node, decoder: &mut Decoder<'_>) -> Option<ScriptStep> {
    let record = decoder.record(node, STEP_ITEMS)?;
    let actions = ["text", "macro", "script"]
        .iter()
        .filter(|word| node.get(word).is_some())
        .count();
    let one_action = decoder.fits((actions == 1).then_some(()));
    let name = record.given("name", decoder);
    let display_name = record.required("displayName", decoder);
    let description = record.given("description", decoder);
    let text = record
        .optional::<RequiredText>("text", decoder)
        .map(|text| text.map(|text| StepAction::Text(text.0)));
    let run = record
        .optional::<RequiredText>("macro", decoder)
        .map(|name| name.map(|name| StepAction::Macro(name.0)));
    let script = record
        .optional::<RequiredReference>("script", decoder)
        .map(|script| script.map(|script| StepAction::Script(script.0)));
    one_action?;
    Some(ScriptStep {
        name: name.into_value(),
        display_name: display_name?,
        description,
        action: text.or(run).or(script)?,
    })
}

/// A text that decides what a step does, so it cannot be cleared.
struct RequiredText(String);

impl FieldType for RequiredText {
    fn decode(node: &Node, rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        String::decode(node, rule, decoder).map(Self)
    }

    fn to_json(&self) -> Value {
        self.0.as_str().into()
    }

    fn schema(rule: FieldRule) -> Value {
        String::schema(rule)
    }
}

/// A name that decides what a step does, so it cannot be cleared.
struct RequiredReference(Reference);

impl FieldType for RequiredReference {
    fn decode(node: &Node, rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        <Reference as FieldType>::decode(node, rule, decoder).map(Self)
    }

    fn to_json(&self) -> Value {
        self.0.as_str().into()
    }

    fn schema(rule: FieldRule) -> Value {
        <Reference as FieldType>::schema(rule)
    }
}

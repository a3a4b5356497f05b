//! Values that are declared in the base and go into the overlay of the environment.

use std::collections::BTreeMap;

use deskstate_model::{FileId, Holds, ResourceKey, Span};
use serde_json::{Map, Value as Json};

use super::{Adopting, document_of, is_below};
use crate::export::Document;
use crate::kinds;

/// Whether a mapping lacks a key of the other one, at any depth. Mappings of an overlay are merged with those of the base.
fn lacks_key(written: &Json, wanted: &Json) -> bool {
    match (written, wanted) {
        (Json::Object(written), Json::Object(wanted)) => written.iter().any(|(key, value)| {
            wanted
                .get(key)
                .is_none_or(|wanted| lacks_key(value, wanted))
        }),
        _ => false,
    }
}

impl Adopting<'_> {
    /// Records a value for the overlay. For a mapping that is merged key by key, only the changed keys are recorded.
    pub(super) fn put_aside(
        &mut self,
        key: &ResourceKey,
        word: &str,
        written: &Json,
        wanted: Json,
        span: Span,
    ) {
        let is_owner =
            kinds::named(key.kind, word).is_some_and(|field| matches!(field.holds, Holds::Owner));
        if !is_owner && lacks_key(written, &wanted) {
            self.refuse(
                key,
                word,
                "an overlay cannot remove a key of the base; use `--into base`",
                Some(span),
            );
            return;
        }
        let value = match (written, wanted) {
            (Json::Object(written), Json::Object(wanted)) => {
                let changed = wanted
                    .into_iter()
                    .filter(|(key, value)| written.get(key) != Some(value));
                Json::Object(changed.collect())
            }
            (_, wanted) => wanted,
        };
        self.overlay
            .entry(key.clone())
            .or_default()
            .insert(word.to_owned(), value);
    }

    /// Writes the recorded fields into the document of the last overlay, or into a new document there.
    pub(super) fn extend_overlays(&mut self) {
        let Some(folder) = self.request.overlays.last().cloned() else {
            return;
        };
        let sources = &self.request.manifests.sources;
        for (key, spec) in std::mem::take(&mut self.overlay) {
            // A file may have been read twice, if another environment names its folder in another way. All edits go into one copy.
            let mut by_path: BTreeMap<&str, FileId> = BTreeMap::new();
            for file in sources.files() {
                let path = sources.path(file);
                if is_below(path, &folder)
                    && (self.files.contains_key(&file) || !by_path.contains_key(path))
                {
                    by_path.insert(path, file);
                }
            }
            let mut home = None;
            for file in by_path.into_values() {
                if self.open(file).is_ok()
                    && let Some(at) = self
                        .files
                        .get(&file)
                        .and_then(|file| document_of(&file.edits, &key))
                {
                    home = Some((file, at));
                }
            }
            match home {
                Some((file, at)) => self.extend_overlay(&key, file, at, spec),
                None => {
                    let state = deskstate_model::State::Present;
                    self.new_file(&folder, Document { key, state, spec });
                }
            }
        }
    }

    fn extend_overlay(
        &mut self,
        key: &ResourceKey,
        id: FileId,
        at: usize,
        mut spec: Map<String, Json>,
    ) {
        // A field that is edited there already takes these keys, too.
        spec.retain(|word, value| {
            let Some(put) = self.puts.get_mut(&(id, at, word.clone())) else {
                return true;
            };
            put.value = extended(Some(put.value.take()), value);
            false
        });
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        let edits = &mut file.edits;
        let done = if edits.get(at, &["spec"]).is_none() {
            edits.set(at, &["spec"], &Json::Object(spec.clone()))
        } else {
            spec.iter().try_for_each(|(word, value)| {
                let keys = ["spec", word.as_str()];
                let value = extended(edits.get(at, &keys), value);
                edits.set(at, &keys, &value)
            })
        };
        match done {
            Ok(()) => file
                .adopted
                .extend(spec.keys().map(|word| (key.clone(), word.clone()))),
            Err(refused) => self.refuse(key, "", refused.why, None),
        }
    }
}

/// A mapping with further keys; any other value is replaced.
fn extended(written: Option<Json>, more: &Json) -> Json {
    match (written, more) {
        (Some(Json::Object(mut all)), Json::Object(more)) => {
            all.extend(more.clone());
            Json::Object(all)
        }
        (_, value) => value.clone(),
    }
}

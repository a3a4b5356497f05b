//! Values that the base holds and that go into the overlay of the environment.

use deskstate_model::{FileId, Place, ResourceKey, Span};
use serde_json::{Map, Value as Json};

use super::{Adopting, document_of, is_below};
use crate::export::Document;

impl Adopting<'_> {
    /// Notes what goes into the overlay: of a mapping that is merged key by key, the keys that change.
    pub(super) fn put_aside(
        &mut self,
        key: &ResourceKey,
        word: &str,
        written: &Json,
        wanted: Json,
        span: Span,
    ) {
        let value = match (written, wanted) {
            (Json::Object(written), Json::Object(wanted)) => {
                if written.keys().any(|key| !wanted.contains_key(key)) {
                    self.refuse(
                        key,
                        word,
                        "an overlay cannot take a key of the base away; `--into base` can",
                        Some(span),
                    );
                    return;
                }
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

    /// Fields that the base holds go into the document of the last overlay, or into a new one there.
    pub(super) fn extend_overlays(&mut self) {
        let Some(folder) = self.request.overlays.last().cloned() else {
            return;
        };
        let sources = &self.request.manifests.sources;
        for (key, spec) in std::mem::take(&mut self.overlay) {
            let files: Vec<FileId> = sources
                .files()
                .filter(|file| is_below(sources.path(*file), &folder))
                .collect();
            let mut home = None;
            for file in files {
                if self.open(file).is_ok()
                    && let Some(at) = self
                        .files
                        .get(&file)
                        .and_then(|file| document_of(&file.documents, &key))
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
        spec: Map<String, Json>,
    ) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        let document = &file.documents[at];
        let mut failed = None;
        match document.get("spec") {
            None => {
                let value = Json::Object(spec.clone());
                failed = file.editor.insert(document, "spec", &value).err();
                if failed.is_none() {
                    file.expected[at]["spec"] = value;
                }
            }
            Some(place) => {
                for (word, value) in &spec {
                    let known = place.get(word);
                    let value = match (known.map(Place::value), value) {
                        (Some(Json::Object(mut all)), Json::Object(more)) => {
                            all.extend(more.clone());
                            Json::Object(all)
                        }
                        (_, value) => value.clone(),
                    };
                    let done = match known {
                        Some(known) => file.editor.set(known, &value),
                        None => file.editor.insert(place, word, &value),
                    };
                    match done {
                        Ok(()) => file.expected[at]["spec"][word.as_str()] = value,
                        Err(refused) => failed = Some(refused),
                    }
                }
            }
        }
        match failed {
            None => file
                .adopted
                .extend(spec.keys().map(|word| (key.clone(), word.clone()))),
            Some(refused) => self.refuse(key, "", refused.why, None),
        }
    }
}

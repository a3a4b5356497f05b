//! The conversation with an editor: handles one message at a time, and publishes findings whenever none is waiting.

use std::io;

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{self as told, Notification as _};
use lsp_types::request::{self as asked, Request as _};
use lsp_types::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::desk::Desk;
use super::edits::workspace_edit;
use super::findings::lines;
use super::inbox::Inbox;
use super::paths::uri_of;
use super::place::Units;
use super::preview::{
    PREVIEW, PREVIEW_CHANGED, PROJECTS, Picture, PreviewParams, Projects, ProjectsParams,
};
use super::wire::{Incoming, Outgoing, incoming};
use super::{actions, complete, hints, hover, names, preview, symbols};

/// Serves an editor until it ends the conversation or is gone. Returns false if it ended without a `shutdown`.
pub(crate) fn serve() -> io::Result<bool> {
    let mut messages = Inbox::new(incoming());
    let mut server = Server {
        desk: Desk::default(),
        out: Outgoing::new(),
        is_ready: false,
        is_over: false,
        watches: false,
    };
    loop {
        for id in messages.take_in() {
            server.out.refuse(
                id,
                ErrorCode::RequestCanceled,
                "the client cancelled this request",
            )?;
        }
        if messages.is_empty() {
            server.publish()?;
        }
        let Some(message) = messages.next() else {
            return Ok(true);
        };
        match message {
            Incoming::Malformed(id) => {
                if let Some(id) = id {
                    server.out.refuse(
                        id,
                        ErrorCode::InvalidRequest,
                        "not a message of this protocol",
                    )?;
                }
            }
            Incoming::Message(Message::Request(request)) => server.request(request)?,
            Incoming::Message(Message::Notification(note)) => {
                if note.method == told::Exit::METHOD {
                    return Ok(server.is_over);
                }
                server.notification(note)?;
            }
            Incoming::Message(Message::Response(_)) => {}
        }
    }
}

struct Server {
    desk: Desk,
    out: Outgoing,
    is_ready: bool,
    is_over: bool,
    /// Whether the client can report changed files.
    watches: bool,
}

/// The answer to a request, or the reason why there is none, in words for people.
type Answer<T> = Result<T, String>;

impl Server {
    fn request(&mut self, request: Request) -> io::Result<()> {
        let Request { id, method, params } = request;
        if method == asked::Initialize::METHOD {
            return self.initialize(id, params);
        }
        if !self.is_ready || self.is_over {
            let code = if self.is_over {
                ErrorCode::InvalidRequest
            } else {
                ErrorCode::ServerNotInitialized
            };
            return self
                .out
                .refuse(id, code, "the server is not ready for requests");
        }
        match method.as_str() {
            asked::Shutdown::METHOD => {
                self.is_over = true;
                self.out.send(Response::new_ok(id, Json::Null))
            }
            asked::Completion::METHOD => self.answer(id, params, Self::completion),
            asked::HoverRequest::METHOD => self.answer(id, params, Self::hover),
            asked::GotoDefinition::METHOD => self.answer(id, params, Self::definition),
            asked::References::METHOD => self.answer(id, params, Self::references),
            asked::PrepareRenameRequest::METHOD => self.answer(id, params, Self::prepare_rename),
            asked::Rename::METHOD => self.rename(id, params),
            asked::DocumentSymbolRequest::METHOD => self.answer(id, params, Self::document_symbols),
            asked::WorkspaceSymbolRequest::METHOD => {
                self.answer(id, params, Self::workspace_symbols)
            }
            asked::CodeActionRequest::METHOD => self.answer(id, params, Self::code_actions),
            asked::InlayHintRequest::METHOD => self.answer(id, params, Self::inlay_hints),
            PREVIEW => self.answer(id, params, Self::preview),
            PROJECTS => self.answer(id, params, Self::projects),
            _ => self.out.refuse(
                id,
                ErrorCode::MethodNotFound,
                format!("there is no method `{}`", lines(&method)),
            ),
        }
    }

    fn answer<P: DeserializeOwned, R: Serialize>(
        &mut self,
        id: RequestId,
        params: Json,
        work: impl FnOnce(&mut Self, P) -> Answer<R>,
    ) -> io::Result<()> {
        let params = match serde_json::from_value(params) {
            Ok(params) => params,
            Err(error) => {
                return self
                    .out
                    .refuse(id, ErrorCode::InvalidParams, lines(&error.to_string()));
            }
        };
        match work(self, params) {
            Ok(result) => self.out.send(Response::new_ok(id, result)),
            Err(why) => self.out.refuse(id, ErrorCode::RequestFailed, lines(&why)),
        }
    }

    fn initialize(&mut self, id: RequestId, params: Json) -> io::Result<()> {
        if self.is_ready {
            return self.out.refuse(
                id,
                ErrorCode::InvalidRequest,
                "the server is initialized already",
            );
        }
        // The deprecated root is read by name, because old clients send nothing else.
        let root: Option<Uri> = params
            .get("rootUri")
            .and_then(|uri| serde_json::from_value(uri.clone()).ok());
        let params: InitializeParams = match serde_json::from_value(params) {
            Ok(params) => params,
            Err(error) => {
                return self
                    .out
                    .refuse(id, ErrorCode::InvalidParams, lines(&error.to_string()));
            }
        };
        let general = params.capabilities.general.as_ref();
        let encodings = general.and_then(|general| general.position_encodings.as_deref());
        self.desk.units = Units::of(encodings);
        let workspace = params.capabilities.workspace.as_ref();
        let watching = workspace.and_then(|workspace| workspace.did_change_watched_files);
        self.watches = watching.and_then(|watching| watching.dynamic_registration) == Some(true);
        match &params.workspace_folders {
            Some(folders) => folders
                .iter()
                .for_each(|folder| self.desk.add_folder(&folder.uri)),
            None => root.iter().for_each(|root| self.desk.add_folder(root)),
        }
        self.is_ready = true;
        let result = json!({
            "capabilities": capabilities(self.desk.units),
            "serverInfo": {"name": "deskstate", "version": env!("CARGO_PKG_VERSION")},
        });
        self.out.send(Response::new_ok(id, result))
    }

    fn notification(&mut self, note: Notification) -> io::Result<()> {
        let Notification { method, params } = note;
        match method.as_str() {
            told::Initialized::METHOD if self.watches => {
                let watchers = json!([{"globPattern": "**/*"}]);
                let registration = json!({"registrations": [{
                    "id": "files", "method": told::DidChangeWatchedFiles::METHOD,
                    "registerOptions": {"watchers": watchers},
                }]});
                let id = RequestId::from("watch".to_owned());
                return self.out.send(Request::new(
                    id,
                    asked::RegisterCapability::METHOD.to_owned(),
                    registration,
                ));
            }
            told::DidOpenTextDocument::METHOD => {
                if let Some(DidOpenTextDocumentParams { text_document }) = read(params) {
                    self.desk.open(&text_document.uri, text_document.text);
                }
            }
            told::DidChangeTextDocument::METHOD => {
                if let Some(changed) = read(params) {
                    self.changed(changed);
                }
            }
            told::DidCloseTextDocument::METHOD => {
                if let Some(DidCloseTextDocumentParams { text_document }) = read(params) {
                    self.desk.close(&text_document.uri);
                }
            }
            told::DidSaveTextDocument::METHOD => {
                if let Some(DidSaveTextDocumentParams { text_document, .. }) = read(params) {
                    self.desk.files_changed([text_document.uri].into_iter());
                }
            }
            told::DidChangeWatchedFiles::METHOD => {
                if let Some(DidChangeWatchedFilesParams { changes }) = read(params) {
                    self.desk
                        .files_changed(changes.into_iter().map(|change| change.uri));
                }
            }
            told::DidChangeWorkspaceFolders::METHOD => {
                if let Some(DidChangeWorkspaceFoldersParams { event }) = read(params) {
                    event
                        .removed
                        .iter()
                        .for_each(|folder| self.desk.remove_folder(&folder.uri));
                    event
                        .added
                        .iter()
                        .for_each(|folder| self.desk.add_folder(&folder.uri));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn changed(&mut self, changed: DidChangeTextDocumentParams) {
        let uri = changed.text_document.uri;
        let Some(mut text) = self.desk.text(&uri).map(str::to_owned) else {
            return;
        };
        for change in changed.content_changes {
            match change.range {
                None => text = change.text,
                Some(range) => {
                    let start = self.desk.byte(&text, range.start);
                    let end = self.desk.byte(&text, range.end).max(start);
                    text.replace_range(start..end, &change.text);
                }
            }
        }
        self.desk.open(&uri, text);
    }

    /// Sends the client the findings that it does not show yet.
    fn publish(&mut self) -> io::Result<()> {
        for (uri, found) in self.desk.news() {
            let params = PublishDiagnosticsParams::new(uri, found, None);
            let method = told::PublishDiagnostics::METHOD.to_owned();
            self.out.send(Notification::new(method, params))?;
        }
        for root in self.desk.outdated_pictures() {
            let params = json!({ "root": root });
            self.out
                .send(Notification::new(PREVIEW_CHANGED.to_owned(), params))?;
        }
        Ok(())
    }

    fn completion(&mut self, params: CompletionParams) -> Answer<Vec<CompletionItem>> {
        let TextDocumentPositionParams {
            text_document,
            position,
        } = params.text_document_position;
        let units = self.desk.units;
        let Some(here) = self.desk.here(&text_document.uri) else {
            return Ok(Vec::new());
        };
        let text = here.text();
        let byte = units.byte(text, position);
        Ok(complete::complete(
            here.project,
            &here.state,
            (&here.path, text, byte),
            units,
        ))
    }

    fn hover(&mut self, params: HoverParams) -> Answer<Option<Hover>> {
        let TextDocumentPositionParams {
            text_document,
            position,
        } = params.text_document_position_params;
        let units = self.desk.units;
        Ok(self.desk.here(&text_document.uri).and_then(|here| {
            let text = here.text();
            let byte = units.byte(text, position);
            hover::hover(here.project, &here.state, (&here.path, text, byte), units)
        }))
    }

    fn definition(&mut self, params: GotoDefinitionParams) -> Answer<Vec<Location>> {
        let TextDocumentPositionParams {
            text_document,
            position,
        } = params.text_document_position_params;
        let units = self.desk.units;
        Ok(self
            .desk
            .here(&text_document.uri)
            .map_or_else(Vec::new, |here| {
                let text = here.text();
                let byte = units.byte(text, position);
                locations(
                    &here,
                    names::definition(&here.state, &here.path, text, byte),
                    units,
                )
            }))
    }

    fn references(&mut self, params: ReferenceParams) -> Answer<Vec<Location>> {
        let TextDocumentPositionParams {
            text_document,
            position,
        } = params.text_document_position;
        let units = self.desk.units;
        Ok(self
            .desk
            .here(&text_document.uri)
            .map_or_else(Vec::new, |here| {
                let byte = units.byte(here.text(), position);
                let with = params.context.include_declaration;
                locations(
                    &here,
                    names::references(&here.state, &here.path, byte, with),
                    units,
                )
            }))
    }

    fn prepare_rename(
        &mut self,
        params: TextDocumentPositionParams,
    ) -> Answer<PrepareRenameResponse> {
        let units = self.desk.units;
        let here = self
            .desk
            .here(&params.text_document.uri)
            .ok_or("this file belongs to no project")?;
        let byte = units.byte(here.text(), params.position);
        let one = names::renamable(&here.state, &here.path, byte)?;
        Ok(PrepareRenameResponse::RangeWithPlaceholder {
            range: units.range(here.text(), one.place()),
            placeholder: one.name().to_owned(),
        })
    }

    fn rename(&mut self, id: RequestId, params: Json) -> io::Result<()> {
        let mut told = None;
        self.answer(id, params, |server, params: RenameParams| {
            let TextDocumentPositionParams {
                text_document,
                position,
            } = params.text_document_position;
            let units = server.desk.units;
            let here = server
                .desk
                .here(&text_document.uri)
                .ok_or("this file belongs to no project")?;
            let byte = units.byte(here.text(), position);
            let one = names::renamable(&here.state, &here.path, byte)?;
            let texts = names::rename(here.project, &here.state, &one, &params.new_name)?;
            if let names::Named::Resource(one) = one {
                told = Some(names::consequence(&one.name.key, &params.new_name, &texts));
            }
            Ok(workspace_edit(
                here.project,
                &here.state,
                texts.iter(),
                units,
            ))
        })?;
        if let Some(message) = told {
            let params = ShowMessageParams {
                typ: MessageType::INFO,
                message: lines(&message),
            };
            self.out.send(Notification::new(
                told::ShowMessage::METHOD.to_owned(),
                params,
            ))?;
        }
        Ok(())
    }

    fn document_symbols(&mut self, params: DocumentSymbolParams) -> Answer<Vec<DocumentSymbol>> {
        let units = self.desk.units;
        let here = self.desk.here(&params.text_document.uri);
        Ok(here.map_or_else(Vec::new, |here| symbols::of_file(here.text(), units)))
    }

    fn workspace_symbols(&mut self, params: WorkspaceSymbolParams) -> Answer<Vec<Json>> {
        let units = self.desk.units;
        let query = params.query.to_lowercase();
        let mut found = Vec::new();
        for (project, state) in self.desk.all() {
            for one in state.uses().iter().filter(|one| one.name.is_header) {
                let name = one.name.key.name.as_written();
                if !one.name.key.to_string().to_lowercase().contains(&query) {
                    continue;
                }
                let text = state.text(&one.path).unwrap_or_default();
                found.extend(uri_of(project.root(), &one.path).map(|uri| {
                    json!({
                        "name": lines(name),
                        "kind": SymbolKind::CLASS,
                        "containerName": one.name.key.kind.as_str(),
                        "location": Location::new(uri, units.range(text, &one.name.place)),
                    })
                }));
            }
        }
        Ok(found)
    }

    fn code_actions(&mut self, params: CodeActionParams) -> Answer<Vec<CodeAction>> {
        let units = self.desk.units;
        let Some(here) = self.desk.here(&params.text_document.uri) else {
            return Ok(Vec::new());
        };
        let text = here.text();
        let range = (
            units.byte(text, params.range.start),
            units.byte(text, params.range.end),
        );
        let fixes = actions::fixes(here.project, &here.state, &here.path, range);
        let actions = fixes.into_iter().map(|fix| CodeAction {
            title: lines(&fix.title),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(
                params
                    .context
                    .diagnostics
                    .iter()
                    .filter(|shown| {
                        shown.code == Some(NumberOrString::String(fix.finding.code.to_owned()))
                    })
                    .cloned()
                    .collect(),
            ),
            edit: Some(workspace_edit(
                here.project,
                &here.state,
                [(&here.path, &fix.after)].into_iter(),
                units,
            )),
            is_preferred: Some(fix.is_certain),
            ..CodeAction::default()
        });
        Ok(actions.collect())
    }

    fn inlay_hints(&mut self, params: InlayHintParams) -> Answer<Vec<InlayHint>> {
        let units = self.desk.units;
        let Some(here) = self.desk.here(&params.text_document.uri) else {
            return Ok(Vec::new());
        };
        let text = here.text();
        let range = (
            units.byte(text, params.range.start),
            units.byte(text, params.range.end),
        );
        Ok(hints::hints(
            here.project,
            &here.state,
            (&here.path, text),
            range,
            units,
        ))
    }

    fn preview(&mut self, params: PreviewParams) -> Answer<Picture> {
        let uri = params.text_document.uri;
        let here = self
            .desk
            .here(&uri)
            .ok_or("this file belongs to no project")?;
        let picture = preview::picture(&here, params.environment.as_deref());
        self.desk.pictured(&uri);
        Ok(picture)
    }

    fn projects(&mut self, params: ProjectsParams) -> Answer<Projects> {
        let file = params.text_document.map(|document| document.uri);
        let current = file.and_then(|uri| self.desk.root(&uri));
        let all = self.desk.all();
        let projects = all
            .iter()
            .filter_map(|(project, state)| preview::open_project((project, state)));
        Ok(Projects {
            projects: projects.collect(),
            current,
        })
    }
}

fn locations(
    here: &super::desk::Here<'_>,
    places: Vec<names::Place>,
    units: Units,
) -> Vec<Location> {
    let location = |(path, bytes): names::Place| {
        let text = here.state.text(&path)?;
        let uri = uri_of(here.project.root(), &path)?;
        Some(Location::new(uri, units.range(text, &bytes)))
    };
    places.into_iter().filter_map(location).collect()
}

/// A notification that cannot be read is ignored, because notifications have no answer that could report it.
fn read<P: DeserializeOwned>(params: Json) -> Option<P> {
    serde_json::from_value(params).ok()
}

fn capabilities(units: Units) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(units.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(
            TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                save: Some(TextDocumentSyncSaveOptions::Supported(true)),
                ..TextDocumentSyncOptions::default()
            },
        )),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(
                [" ", ":", "{", ".", "[", "-", "\n"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
            ..CodeActionOptions::default()
        })),
        inlay_hint_provider: Some(OneOf::Left(true)),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            file_operations: None,
        }),
        ..ServerCapabilities::default()
    }
}

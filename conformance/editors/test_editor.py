"""`deskstate lsp` and pytest-lsp, a client of the protocol by others: every capability on the Tenfold example."""

import asyncio
import os
import pathlib
import shutil
import subprocess

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient

TENFOLD = pathlib.Path(__file__).resolve().parents[2] / "examples" / "tenfold"
FILE = "manifests/templates.yaml"
SERVER = ClientServerConfig(server_command=[os.environ["DESKSTATE"], "lsp"])


class Desk:
    """A project that is open in an editor."""

    def __init__(self, client, root):
        self.client, self.root, self.texts = client, root, {}

    def uri(self, path):
        return (self.root / path).as_uri()

    def document(self, path=FILE):
        return lsp.TextDocumentIdentifier(uri=self.uri(path))

    async def open(self, path=FILE, text=None):
        self.texts[path] = text if text is not None else (self.root / path).read_bytes().decode()
        item = lsp.TextDocumentItem(uri=self.uri(path), language_id="yaml", version=1, text=self.texts[path])
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))
        return self.texts[path]

    async def change(self, text, path=FILE, known=None):
        """Replaces the whole text, or a part of it, and waits for the findings of the file."""
        self.texts[path] = text
        document = lsp.VersionedTextDocumentIdentifier(uri=self.uri(path), version=2)
        changes = [known or lsp.TextDocumentContentChangeWholeDocument(text=text)]
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(text_document=document, content_changes=changes))

    def position(self, word, offset=0, path=FILE):
        text = self.texts[path]
        at = text.index(word) + offset
        before = text[:at]
        line = before.count("\n")
        column = before[before.rfind("\n") + 1 :]
        return lsp.Position(line=line, character=len(column.encode("utf-16-le")) // 2)

    def at(self, word, offset=0, path=FILE):
        return {"text_document": self.document(path), "position": self.position(word, offset, path)}

    async def findings(self, path=FILE):
        return self.client.diagnostics.get(self.uri(path), [])

    async def labels(self, word, offset=0, path=FILE):
        found = await self.client.text_document_completion_async(lsp.CompletionParams(**self.at(word, offset, path)))
        return [item.label for item in found]

    async def told(self, path=FILE):
        """The next findings of a file."""
        await self.client.wait_for_notification("textDocument/publishDiagnostics")
        return await self.findings(path)


@pytest_lsp.fixture(config=SERVER)
async def client(lsp_client: LanguageClient):
    yield
    await lsp_client.shutdown_session()


@pytest_asyncio.fixture
async def desk(client, tmp_path):
    root = tmp_path / "Größe #1"
    shutil.copytree(TENFOLD, root)
    params = lsp.InitializeParams(
        capabilities=lsp.ClientCapabilities(),
        workspace_folders=[lsp.WorkspaceFolder(uri=root.as_uri(), name="desk")],
    )
    client.answer = await client.initialize_session(params)
    return Desk(client, root)


def edited(text, edit):
    """The text after an edit within one line of characters that UTF-16 counts as one each."""
    start, end = edit.range.start, edit.range.end
    assert start.line == end.line
    lines = text.splitlines(keepends=True)
    line = lines[start.line]
    lines[start.line] = line[: start.character] + edit.new_text + line[end.character :]
    return "".join(lines)


async def test_a_misspelt_word_is_reported_and_fixed(desk):
    assert desk.client.answer.capabilities.position_encoding == "utf-16"
    text = await desk.open()
    await desk.change(text.replace("Mode: Docked", "Mode: Doked"))
    [finding] = await desk.told()
    assert (finding.code, finding.source) == ("unknown-value", "deskstate")
    assert "did you mean `Docked`?" in finding.message
    [action] = await desk.client.text_document_code_action_async(
        lsp.CodeActionParams(text_document=desk.document(), range=finding.range, context=lsp.CodeActionContext([finding]))
    )
    [edit] = action.edit.changes[desk.uri(FILE)]
    assert edit.new_text == "Docked"
    assert edited(text.replace("Mode: Docked", "Mode: Doked"), edit) == text


async def test_findings_point_into_the_contract(desk):
    text = await desk.open()
    await desk.change(text.replace("Mode: Docked", "Mode: Hidden"))
    [finding] = await desk.told()
    assert finding.code == "locked-value"
    assert desk.uri("contracts/tenfold-cif-v2.yaml") in [one.location.uri for one in finding.related_information]


async def test_an_unsaved_file_counts_and_a_closed_one_is_what_the_disk_has(desk):
    await desk.open()
    new = "manifests/new.yaml"
    await desk.open(new, "apiVersion: deskstate/v1\nkind: Nothing\nmetadata: {name: tenfold_x}\n")
    [finding] = await desk.told(new)
    assert finding.code == "unknown-kind"
    desk.client.text_document_did_close(lsp.DidCloseTextDocumentParams(text_document=desk.document(new)))
    assert not await desk.told(new)


async def test_fields_words_names_variables_environments_and_slugs_are_completed(desk):
    text = await desk.open()
    for before, after, word, expected in [
        ("  communicationPanelMode: Docked", "  comm", "  comm", "communicationPanelMode"),
        ("Mode: Docked", "Mode: ", "Mode: ", "Minimized"),
        ("anchorTab: tenfold_customerSummary", "anchorTab: ", "anchorTab: ", "tenfold_customerSummary"),
        ('"{customer}"', '"{cu', '"{cu', "customerName"),
        ("  communicationPanelMode: Docked", "  entity: ${{ vars.", "vars.", "vars.widgetOrigin"),
        ("metadata:\n", "metadata:\n  environments: [\n", "environments: [", "prod"),
    ]:
        await desk.change(text.replace(before, after))
        assert expected in await desk.labels(word, len(word)), after


async def test_hover_has_the_meaning_the_contract_and_the_value_of_each_environment(desk):
    await desk.open()
    hover = await desk.client.text_document_hover_async(lsp.HoverParams(**desk.at("communicationPanelMode", 3)))
    for part in ["msdyn_panelstate", "must be Docked", "local: Docked", "prod: Docked"]:
        assert part in hover.contents.value


async def test_a_name_is_found_everywhere_and_renamed_everywhere(desk):
    await desk.open()
    profile = "manifests/app-profile.yaml"
    await desk.open(profile)
    [place] = await desk.client.text_document_definition_async(lsp.DefinitionParams(**desk.at("CTI_createSession", 1, profile)))
    assert place.uri == desk.uri(FILE)
    here = desk.at("CTI_createSession", 1)
    uses = await desk.client.text_document_references_async(
        lsp.ReferenceParams(**here, context=lsp.ReferenceContext(include_declaration=True))
    )
    assert len(uses) == 4
    ready = await desk.client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**here))
    assert ready.placeholder == "CTI_createSession"
    edit = await desk.client.text_document_rename_async(lsp.RenameParams(**here, new_name="CTI_startSession"))
    assert set(edit.changes) == {desk.uri(path) for path in (FILE, profile, "contracts/tenfold-cif-v2.yaml")}
    with pytest.raises(Exception, match="another finding|matches only one"):
        await desk.client.text_document_rename_async(lsp.RenameParams(**here, new_name="other_session"))


async def test_the_picture_is_of_the_text_in_the_editor_and_its_change_is_told(desk):
    text = await desk.open()
    ask = lambda **more: desk.client.protocol.send_request_async(
        "deskstate/preview", {"textDocument": {"uri": desk.uri(FILE)}, **more}
    )
    told = asyncio.Queue()
    desk.client.feature("deskstate/previewChanged")(lambda changed: told.put_nowait(changed))
    picture = await ask()
    assert picture.problem is None and picture.html.startswith("<!doctype html>")
    await desk.change(text.replace("acceptButton: Accept", "acceptButton: <script>alert(1)</script>"))
    assert (await asyncio.wait_for(told.get(), 10)).root == desk.root.as_uri()
    picture = await ask(environment="prod")
    assert "&lt;script&gt;alert(1)" in picture.html and "<script>alert" not in picture.html
    assert "as declared for prod" in picture.html
    await desk.change(text.replace("Mode: Docked", "Mode: Doked"))
    await asyncio.wait_for(told.get(), 10)
    picture = await ask()
    assert picture.html is None and picture.problem.startswith("1 error in manifests/templates.yaml:25: ")
    assert "prodd" in (await ask(environment="prodd")).problem
    with pytest.raises(Exception, match="no project"):
        await desk.client.protocol.send_request_async("deskstate/preview", {"textDocument": {"uri": "file:///none/x.yaml"}})


async def test_a_request_that_is_cancelled_is_answered_and_others_are_too(desk):
    text = await desk.open()
    await desk.change(text + "\n# later\n")
    protocol, place = desk.client.protocol, lsp.HoverParams(**desk.at("communicationPanelMode", 3))
    asked = [protocol.send_request("textDocument/hover", place, msg_id=f"hover {at}") for at in range(30)]
    for at in range(1, 30, 2):
        protocol.notify("$/cancelRequest", lsp.CancelParams(id=f"hover {at}"))
    answers = await asyncio.wait_for(asyncio.gather(*map(asyncio.wrap_future, asked), return_exceptions=True), 20)
    for at, answer in enumerate(answers):
        if isinstance(answer, Exception):
            assert at % 2 == 1 and answer.code == lsp.LSPErrorCodes.RequestCancelled
        else:
            assert "msdyn_panelstate" in answer.contents.value


async def test_two_projects_in_two_folders_do_not_see_each_other(desk, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(TENFOLD, other)
    (other / "deskstate.yaml").write_text((other / "deskstate.yaml").read_text().replace("tenfold-desk", "other-desk"))
    (other / FILE).write_text((other / FILE).read_text().replace("tenfold_customerSummary", "tenfold_otherTab"))
    added = lsp.WorkspaceFoldersChangeEvent(added=[lsp.WorkspaceFolder(uri=other.as_uri(), name="other")], removed=[])
    desk.client.workspace_did_change_workspace_folders(lsp.DidChangeWorkspaceFoldersParams(event=added))
    projects = lambda uri: desk.client.protocol.send_request_async("deskstate/projects", {"textDocument": {"uri": uri}})
    found = await projects((other / FILE).as_uri())
    assert [one.name for one in found.projects] == ["tenfold-desk", "other-desk"]
    assert found.projects[0].environments == ["local", "prod"] and found.current == other.as_uri()
    text = await desk.open()
    await desk.change(text.replace("anchorTab: tenfold_customerSummary", "anchorTab: "))
    labels = await desk.labels("anchorTab: ", len("anchorTab: "))
    assert "tenfold_customerSummary" in labels and "tenfold_otherTab" not in labels
    await desk.change(text)
    edit = await desk.client.text_document_rename_async(lsp.RenameParams(**desk.at("CTI_createSession", 1), new_name="CTI_startSession"))
    assert edit.changes and all(uri.startswith(desk.root.as_uri()) for uri in edit.changes)


async def test_a_misspelt_name_and_a_value_that_a_contract_demands_are_corrected(desk):
    text = await desk.open()
    for right, wrong, code in [
        ("anchorTab: tenfold_customerSummary", "anchorTab: tenfold_custmerSummary", "unknown-reference"),
        ("Mode: Docked", "Mode: Hidden", "locked-value"),
        ("title: \"{customer}\"", "title: {customer}", "unquoted-brace"),
    ]:
        await desk.change(text.replace(right, wrong, 1))
        found = await desk.told()
        finding = next(one for one in found if one.code == code)
        [action] = await desk.client.text_document_code_action_async(
            lsp.CodeActionParams(text_document=desk.document(), range=finding.range, context=lsp.CodeActionContext([finding]))
        )
        [edit] = action.edit.changes[desk.uri(FILE)]
        assert edited(text.replace(right, wrong, 1), edit) == text
        assert not action.is_preferred
        await desk.change(text)
        assert not await desk.told()


async def test_users_and_roles_that_other_files_name_are_completed(desk):
    profile = "manifests/app-profile.yaml"
    text = await desk.open(profile)
    await desk.change(text.replace("- lin@contoso.com", "- "), profile)
    assert "amira.hassan@contoso.com" in await desk.labels("- ada@contoso.com\n      - ", 26, profile)
    await desk.open("manifests/other.yaml", text.replace("tenfold_appProfile", "tenfold_other") + "  roles: [Omnichannel agent]\n")
    for typed in ["  roles: [", "  roles:\n    - Omni", "  roles: {mode: atLeast, members: [Omni"]:
        await desk.change(text + typed, profile)
        assert "Omnichannel agent" in await desk.labels(typed, len(typed), profile), typed


async def test_a_variable_is_renamed_and_an_environment_is_not(desk):
    provider = "manifests/channel-provider.yaml"
    await desk.open(provider)
    here = desk.at("vars.widgetOrigin", 7, provider)
    ready = await desk.client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**here))
    assert ready.placeholder == "widgetOrigin"
    edit = await desk.client.text_document_rename_async(lsp.RenameParams(**here, new_name="widgetHost"))
    assert set(edit.changes) == {desk.uri(path) for path in (provider, "deskstate.yaml")}
    await desk.open("deskstate.yaml")
    with pytest.raises(Exception, match="workflows"):
        await desk.client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**desk.at("prod:", 1, "deskstate.yaml")))


async def test_symbols_of_a_file_and_of_the_workspace(desk):
    await desk.open()
    symbols = await desk.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(desk.document()))
    assert [one.name for one in symbols][:2] == ["tenfold_customerSummary", "CTI_createSession"]
    found = await desk.client.workspace_symbol_async(lsp.WorkspaceSymbolParams(query="inbound"))
    assert [one.name for one in found] == ["CTI_inboundCallNotification"]


async def test_hints_come_from_a_kept_plan_and_from_nothing_else(desk):
    profile = "manifests/app-profile.yaml"
    await desk.open(profile)
    everything = lsp.Range(lsp.Position(0, 0), lsp.Position(999, 0))
    ask = lambda: desk.client.text_document_inlay_hint_async(lsp.InlayHintParams(desk.document(profile), everything))
    assert not await ask()
    plan = ["plan", "--env", "local", "--out", ".deskstate/plan.json"]
    subprocess.run([os.environ["DESKSTATE"], *plan], cwd=desk.root, check=True, capture_output=True)
    [hint] = await ask()
    assert hint.label == "2 agents"


async def test_broken_yaml_crlf_and_hostile_text_do_no_harm(desk):
    text = (await desk.open()).replace("\n", "\r\n")
    await desk.change(text.replace("anchorTab:", "anchorTab: [ \u202e\x1b[31m"))
    assert any(one.severity == lsp.DiagnosticSeverity.Error for one in await desk.told())
    for one in await desk.findings():
        assert "\u202e" not in one.message and "\x1b" not in one.message
    await desk.change(text.replace("anchorTab: tenfold_customerSummary", "anchorTab: x😀"))
    [finding] = await desk.told()
    assert finding.code == "unknown-reference"
    assert finding.range.end.character - finding.range.start.character == 3

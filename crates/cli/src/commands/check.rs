//! `check`: checks an environment against contracts, no matter who set it up. Cannot write: it has only a reader.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use deskstate_dataverse::Reader;
use deskstate_model::{
    Contract, Environment, EnvironmentFacts, Rule as ContractRule, SourceMap, Writes,
};
use deskstate_reconcile::blame::{self, Audit, Blame};
use deskstate_reconcile::check::{
    Keeping, check, last_write, named_users, needs_names, rows_to_ask,
};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::sanitize::StandIns;
use deskstate_reconcile::{Desired, Scope};
use sha2::{Digest, Sha256};

use super::doctor::findings;
use super::live::{read, stop_on_interrupt};
use crate::door::Page;
use crate::environment::{self, Access, Opened};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::write_files;
use crate::output::check_report::{CheckReport, Rule};
use crate::output::count;
use crate::output::places::Places;
use crate::output::{
    check_json, check_junit, check_markdown, check_text, harmless_json, html, markdown, plain,
    sarif,
};
use crate::paths::shown_path;
use crate::project::{self, Loaded, load_contract_files, load_contracts};
use crate::revision;
use crate::setting;
use crate::suggest::suggest;
use crate::ui::Ui;

/// Checks an environment against contracts: what is wrong, what it breaks, and who changed it. Read-only
///
/// Works on any environment, even if deskstate has never changed it. Needs no manifests, and with `--url` no project.
///
/// Exit codes: 0 all rules are fulfilled, 2 a rule is broken, 1 a rule is unknown because something could not be read, 3 a contract is invalid.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment, by its name in the project
    #[arg(
        long,
        short,
        value_name = "NAME",
        required_unless_present = "url",
        conflicts_with = "url"
    )]
    env: Option<String>,
    /// The environment, by its address; no project is needed
    #[arg(long, value_name = "URL", requires = "contract")]
    url: Option<String>,
    /// A contract file; repeat it for several [default: the contracts of the project]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    contract: Vec<PathBuf>,
    /// How to print the report
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORM")]
    format: Format,
    /// Write the report, the findings of `doctor` and the versions to a new folder, without users, hosts and ids of the environment
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Do not read the audit log; name at most the last writer of each row
    #[arg(long)]
    no_history: bool,
    #[command(flatten)]
    access: Access,
}

/// The output format of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people at a terminal.
    Text,
    /// For a ticket or a comment.
    Markdown,
    /// A self-contained page.
    Html,
    /// For programs; `formatVersion` names the version of the format.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// For test reports: a suite for each contract, a case for each rule.
    Junit,
}

/// The contracts, and the environment to check.
struct Subject {
    contracts: Vec<Contract>,
    sources: SourceMap,
    /// The folder that the contracts' paths are relative to.
    root: PathBuf,
    name: String,
    /// The environment and the folder of its project; `None` if a URL names the environment.
    environment: Option<(PathBuf, Environment)>,
}

/// The rows that were read, and the resulting report.
struct Judged {
    live: Live,
    report: CheckReport,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let folder = args.report.as_deref().map(new_folder).transpose()?;
    let stop = stop_on_interrupt();
    let subject = subject(args, global, ui)?;
    let without = subject
        .contracts
        .iter()
        .filter(|contract| contract.rules.is_empty());
    for contract in without.clone() {
        ui.note(format_args!(
            "contract `{}` has no rule, so nothing is checked for it",
            plain(&contract.name.value)
        ));
    }
    if without.count() == subject.contracts.len() {
        let hint = if args.contract.is_empty() {
            "name a contract with `--contract FILE`, or list one under `contracts` in `deskstate.yaml`"
        } else {
            "add rules under `spec.rules` of the contract"
        };
        return Err(Error::Failed {
            message: "there is no rule to check".to_owned(),
            hint: Some(hint.to_owned()),
        });
    }
    let mut work = async |opened: Opened| {
        let reader = Reader::open(&opened.connection)?;
        judge(&reader, &opened.address, &subject, args.no_history, ui).await
    };
    let Judged { live, report } = match &subject.environment {
        Some((root, environment)) => {
            environment::with(root, environment, &args.access, &stop, work).await?
        }
        None => work(environment::open_url(&subject.name, &args.access, &stop)?).await?,
    };
    let Subject {
        contracts,
        sources,
        root,
        ..
    } = subject;
    match render(&report, args.format, &sources, &root)? {
        Rendered::Page(page) => ui.page(&page)?,
        Rendered::Document(text) => ui.print(text)?,
    }
    if let Some(folder) = folder {
        write_files(&bundle(folder, &report, &live, &contracts, &sources))?;
        ui.note(format_args!(
            "{} has the report to send: look through it first, since values and names of resources are as they were read",
            shown_path(folder)
        ));
    }
    match report.keeping() {
        Keeping::Kept => Ok(ExitCode::Done),
        Keeping::Broken => Ok(ExitCode::Differences),
        Keeping::Unknown => Err(Error::Failed {
            message: format!(
                "{} of {} could not be judged",
                report.number(Keeping::Unknown),
                count(report.rules.len(), "rule")
            ),
            hint: Some(format!(
                "give the caller read access to the whole organization; {} lists what is missing",
                match &args.env {
                    Some(name) => suggest("doctor", &["--env", name]),
                    None => "`doctor.txt` in the folder of `--report`".to_owned(),
                }
            )),
        }),
    }
}

/// Refuses a folder that already exists, so that no unrelated files are sent along.
fn new_folder(folder: &Path) -> Result<&Path, Error> {
    if folder.symlink_metadata().is_err() {
        return Ok(folder);
    }
    Err(Error::Refused {
        message: format!("{} already exists", shown_path(folder)),
        hint: Some("choose a folder that does not exist yet for `--report`".to_owned()),
    })
}

fn subject(args: &Args, global: &Global, ui: &mut Ui) -> Result<Subject, Error> {
    let files = (!args.contract.is_empty())
        .then(|| load_contract_files(&args.contract, ui))
        .transpose()?;
    let project = match (&args.env, &files) {
        (Some(name), Some(_)) => Some(project::load_project_file(
            global,
            name,
            project::Need::ProjectFile,
            ui,
        )?),
        (Some(name), None) => Some(load_contracts(global, name, ui)?),
        (None, _) => None,
    };
    let environment = match &project {
        Some(loaded) => Some((loaded.root.clone(), loaded.environment()?.clone())),
        None => None,
    };
    let loaded = match files.or(project) {
        Some(loaded) => loaded,
        None => load_contract_files(&[], ui)?,
    };
    let findings = &loaded.warnings;
    if !findings.is_empty() {
        ui.findings(findings, &loaded.manifests.sources);
    }
    let facts = match (&environment, &args.url) {
        (Some((_, environment)), _) => EnvironmentFacts::of(environment),
        (None, Some(url)) => EnvironmentFacts::of_url(url),
        (None, None) => EnvironmentFacts::default(),
    };
    let contracts = loaded.manifests.contracts.iter();
    Ok(Subject {
        contracts: contracts.map(|contract| contract.filled(&facts)).collect(),
        sources: loaded.manifests.sources,
        root: loaded.root,
        name: args.env.clone().or(args.url.clone()).unwrap_or_default(),
        environment,
    })
}

/// Checks an environment against the contracts of its project. Returns the report as JSON and the overall result.
pub(super) async fn judge_project(
    reader: &Reader,
    address: &str,
    loaded: Loaded,
    ui: &mut Ui,
) -> Result<(String, Keeping), Error> {
    let environment = loaded.environment()?.clone();
    let facts = EnvironmentFacts::of(&environment);
    let contracts = loaded.manifests.contracts.iter();
    let subject = Subject {
        contracts: contracts.map(|contract| contract.filled(&facts)).collect(),
        sources: loaded.manifests.sources,
        root: loaded.root.clone(),
        name: environment.name.clone(),
        environment: Some((loaded.root, environment)),
    };
    let Judged { report, .. } = judge(reader, address, &subject, false, ui).await?;
    let json = check_json::render(&report, Some(&subject.sources));
    Ok((json, report.keeping()))
}

/// Reads once, checks the rules, and looks up who broke them.
async fn judge(
    reader: &Reader,
    address: &str,
    subject: &Subject,
    no_history: bool,
    ui: &mut Ui,
) -> Result<Judged, Error> {
    let (name, organization) = match &subject.environment {
        Some((_, environment)) => (environment.name.as_str(), environment.organization_id),
        None => (address, None),
    };
    let scope = Scope {
        names: needs_names(&subject.contracts),
        users: named_users(&subject.contracts),
        organization,
        writers: true,
        ..Scope::default()
    };
    let live = read(reader, &Desired::default(), &scope, name, ui).await?;
    let checked = check(&subject.contracts, &live);
    let rows = rows_to_ask(&checked, &live);
    let asks = live.facts.auditing == Some(true) && !no_history && !rows.is_empty();
    let blame = if asks {
        blame::histories(reader, &live, rows.clone(), &rows, &BTreeSet::new()).await
    } else {
        Blame::default()
    };
    let report = CheckReport {
        environment: name.to_owned(),
        address: address.to_owned(),
        requests: reader.requests(),
        audit: audit(&live, &blame, no_history),
        rules: checked
            .into_iter()
            .map(|checked| {
                let rule = rule(&subject.contracts, &checked.contract, &checked.rule);
                Rule::new(
                    checked,
                    |key, finding| last_write(&live, &blame, key, finding),
                    |finding| rule?.breaks_of(finding).map(str::to_owned),
                )
            })
            .collect(),
    };
    Ok(Judged { live, report })
}

fn rule<'a>(contracts: &'a [Contract], contract: &str, id: &str) -> Option<&'a ContractRule> {
    let contract = contracts
        .iter()
        .find(|known| known.name.value == contract)?;
    contract.rules.iter().find(|rule| rule.id.value == id)
}

fn audit(live: &Live, blame: &Blame, unasked: bool) -> String {
    match &blame.audit {
        _ if live.facts.auditing.is_none() => {
            "whether auditing is on could not be read, so only the last writer of a row is known"
                .to_owned()
        }
        _ if live.facts.auditing == Some(false) => {
            "auditing is off, so only the last writer of a row is known".to_owned()
        }
        _ if unasked => "auditing is on, but was not queried".to_owned(),
        Audit::Refused(why) => format!("audit records cannot be read: {why}"),
        Audit::On | Audit::Off if blame.unread > 0 => format!(
            "auditing is on; the history of {} was not read",
            count(blame.unread, "row")
        ),
        Audit::On | Audit::Off => "auditing is on".to_owned(),
    }
}

/// A rendered report: a page for people, or a document for programs.
enum Rendered {
    Page(Page),
    Document(String),
}

fn render(
    report: &CheckReport,
    format: Format,
    sources: &SourceMap,
    root: &Path,
) -> Result<Rendered, Error> {
    let text = match format {
        Format::Text => return Ok(Rendered::Page(check_text::render(report))),
        Format::Markdown => {
            check_markdown::render(report, markdown::limit_of_environment(setting::of))
        }
        Format::Html => html::check(report),
        Format::Json => check_json::render(report, Some(sources)),
        Format::Sarif => {
            let prefix = revision::folder_in_repository(root).unwrap_or_default();
            let places = Places {
                sources,
                prefix: &prefix,
            };
            sarif::render(&report.diagnostics(), &places).map_err(std::io::Error::from)?
        }
        Format::Junit => check_junit::render(report),
    };
    Ok(Rendered::Document(text))
}

/// The files to send to a vendor.
fn bundle(
    folder: &Path,
    report: &CheckReport,
    live: &Live,
    contracts: &[Contract],
    sources: &SourceMap,
) -> Vec<(PathBuf, String)> {
    let mut stand_ins = StandIns::default();
    stand_ins.hide(&report.address);
    let scrubbed = report.scrubbed(&mut stand_ins);
    let mut found = findings::of_environment(live, Writes::All);
    found.extend(findings::of_tables(live, None));
    let doctor: String = found
        .iter()
        .map(|finding| {
            let help = finding.help.as_ref();
            let help = help.map_or_else(String::new, |help| format!("        {help}\n"));
            let what = plain(&stand_ins.text(&finding.what));
            format!("{:>6}  {what}\n{help}", finding.state.mark())
        })
        .collect();
    let digests = contracts.iter().map(|contract| {
        let file = contract.name.span.file;
        let digest = Sha256::digest(sources.text(file).as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        serde_json::json!({"contract": contract.name.value, "source": contract.source, "sha256": digest})
    });
    let versions = serde_json::json!({
        "deskstate": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "contracts": digests.collect::<Vec<_>>(),
    });
    // The path of a contract may contain a person's name.
    let json = check_json::render(&scrubbed, None);
    [
        ("report.md", check_markdown::render(&scrubbed, usize::MAX)),
        ("report.json", json),
        ("report.html", html::check(&scrubbed)),
        ("doctor.txt", doctor),
        ("versions.json", harmless_json(&format!("{versions:#}\n"))),
    ]
    .into_iter()
    .map(|(name, text)| (folder.join(name), text))
    .collect()
}

//! `package`: builds vendor packages, and adds them to a project. Cannot write to an environment.

mod add;
mod change;
mod look;
mod remove;
mod ship;
mod update;

use std::path::PathBuf;

use clap::Subcommand;
use deskstate_model::{Diagnostic, Manifests, Package};

use self::add::add;
use self::look::{list, verify};
use self::remove::remove;
use self::ship::{build, lint, solution};
use self::update::update;
use crate::environment::Access;
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::ui::Ui;

/// Builds packages of manifests for customers, and uses packages of vendors
///
/// A package is a folder with a file deskstate-package.yaml. A project keeps the files of its packages in the folder `packages`, so plans
/// need no network. No package command writes to an environment: `plan` and `apply` do that as usual.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Checks a package and writes it into one archive
    ///
    /// The same files always produce the same bytes. Files whose names begin with a dot and archives at the root of the package are left
    /// out.
    Build(BuildArgs),
    /// Reports problems that customers would run into
    ///
    /// Exits with 3 if the package has errors.
    Lint(LintArgs),
    /// Writes the package as an unmanaged solution
    ///
    /// For customers who do not use deskstate. Lists everything that a solution cannot hold, such as users, owners and security roles.
    Solution(SolutionArgs),
    /// Adds a package to the project
    ///
    /// Copies the files into `packages/NAME`, and adds the package to deskstate.yaml and deskstate.lock. Shows the plan for every
    /// environment that can be reached.
    Add(AddArgs),
    /// Replaces a package by another version, or by the files that its source has now
    ///
    /// Shows the notes, the changes in the files and the plan for every environment that can be reached.
    Update(UpdateArgs),
    /// Removes a package from the project
    ///
    /// Its rows stay listed in deskstate.lock, so that the next apply to each environment deletes them. Refused while manifests use its rows
    /// or agents would lose a channel provider.
    Remove(RemoveArgs),
    /// Lists the packages of the project with their parameters
    List,
    /// Checks that the files of every package are those in deskstate.lock
    ///
    /// Reads no network. Exits with 3 if a file was changed.
    Verify,
}

#[derive(Debug, clap::Args)]
struct BuildArgs {
    /// The folder of the package
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The archive to write [default: NAME-VERSION.zip here]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct LintArgs {
    /// The folder of the package
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Debug, clap::Args)]
struct SolutionArgs {
    /// The folder of the package
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The archive to write [default: NAME-VERSION-solution.zip here]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A value for a parameter, such as `profile=contoso_agents`; commas separate the items of a list
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

/// The source of a package.
#[derive(Debug, clap::Args)]
struct From {
    /// SHA-256 of the archive, required for an https address
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Full hash of the commit in a git repository
    #[arg(long, value_name = "HASH", conflicts_with = "sha256")]
    commit: Option<String>,
    /// Folder of the package in a git repository
    #[arg(long, value_name = "DIR", requires = "commit")]
    path: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Showing {
    /// Do not plan for the environments
    #[arg(long)]
    no_plan: bool,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// A folder, an archive, an https address or a git repository
    #[arg(value_name = "FROM")]
    from: String,
    #[command(flatten)]
    source: From,
    /// A value for a parameter, such as `profile=contoso_agents`; commas separate the items of a list
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    showing: Showing,
}

#[derive(Debug, clap::Args)]
struct UpdateArgs {
    /// The package
    name: String,
    /// Another folder, archive, https address or git repository [default: that of deskstate.yaml]
    #[arg(value_name = "FROM")]
    from: Option<String>,
    #[command(flatten)]
    source: From,
    /// Show everything and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    showing: Showing,
}

#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// The package
    name: String,
    /// Remove it although agents lose a channel provider
    #[arg(long)]
    allow_provider_loss: bool,
    /// Show everything and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    showing: Showing,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    match &args.what {
        What::Build(args) => build(args, ui),
        What::Lint(args) => lint(args, ui),
        What::Solution(args) => solution(args, ui),
        What::Add(args) => add(args, global, ui).await,
        What::Update(args) => update(args, global, ui).await,
        What::Remove(args) => remove(args, global, ui).await,
        What::List => list(global, ui),
        What::Verify => verify(global, ui),
    }
}

fn named(package: &Package) -> String {
    format!("{} {}", package.name.value, package.version.value)
}

fn shown_findings(found: &[Diagnostic], manifests: &Manifests, ui: &mut Ui) {
    if !found.is_empty() {
        ui.findings(found, &manifests.sources);
        ui.count_findings(found);
    }
}

fn refuse_errors(found: &[Diagnostic]) -> Result<(), Error> {
    match found.iter().any(Diagnostic::is_error) {
        true => Err(Error::InvalidManifests),
        false => Ok(()),
    }
}

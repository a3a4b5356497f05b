//! Decides how to plan and whether the plan is allowed: selection, pruning, review.

use std::collections::BTreeSet;

use deskstate_model::{
    Allow, Allowance, Diagnostic, Environment, Manifests, Project, Prune, ResourceKey, State,
    Target, Undeclared, Writes,
};
use deskstate_reconcile::Desired;
use deskstate_reconcile::plan::Options;
use deskstate_reconcile::review::{Finding, ReviewRules, denies};

use super::choosing::{self, Choosing};
use crate::answers;
use crate::error::Error;
use crate::project::Loaded;
use crate::today;

/// The selection of a plan, and what it may do beyond the project file.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Judging {
    #[command(flatten)]
    pub(super) allowing: Allowing,
    // Last, because it has its own heading.
    #[command(flatten)]
    choosing: Choosing,
}

/// Permissions for a plan beyond those of the project file.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Review options")]
pub(crate) struct Allowing {
    /// Allow a blocked change: paste the value that review printed, such as `unlink=AppProfile.users:12`
    #[arg(long, value_name = "WHAT")]
    allow: Vec<Allow>,
    /// Allow changes of managed and out-of-the-box rows
    #[arg(long)]
    allow_managed: bool,
}

impl Judging {
    /// Allows nothing beyond the rules of the project.
    pub(super) fn strictly(choosing: Choosing) -> Self {
        Self {
            choosing,
            ..Self::default()
        }
    }

    /// The options for planning, and messages about the included dependencies.
    pub(super) fn options(
        &self,
        loaded: &Loaded,
        desired: &Desired,
    ) -> Result<(Options, Vec<String>), Error> {
        let mut options = Options {
            assigns_only: loaded.environment()?.writes == Writes::Assignments,
            ..Options::default()
        };
        if let Some(project) = &loaded.manifests.project {
            options.protect = project
                .protect
                .iter()
                .map(|glob| glob.value.clone())
                .collect();
            if project.prune == Prune::Owned {
                options.prune = project
                    .owns
                    .iter()
                    .map(|prefix| prefix.value.clone())
                    .collect();
            }
        }
        let Some(selection) = self.choosing.of(&loaded.manifests, desired)? else {
            return Ok((options, Vec::new()));
        };
        options.only = Some(selection.keys);
        Ok((options, choosing::along(&selection.needed)))
    }
}

impl Allowing {
    /// The rules of a review, without the overrides of the project file.
    pub(super) fn rules(
        &self,
        loaded: &Loaded,
        environment: &Environment,
    ) -> Result<ReviewRules, Error> {
        let mut rules = loaded.manifests.project.as_ref().map_or_else(
            ReviewRules::default,
            |project: &Project| {
                ReviewRules::of(
                    project,
                    &loaded.manifests.contracts,
                    environment.writes,
                    &today::utc(),
                )
            },
        );
        rules.allow.clone_from(&self.allow);
        rules.allow_managed = self.allow_managed;
        let answers = answers::read(&loaded.root, &environment.name)?;
        rules.prefix_needs_publisher = match environment.target {
            Target::Emulator { .. } => Some(true),
            Target::Url(_) => answers.prefix_needs_publisher,
        };
        rules.is_embedded = matches!(environment.target, Target::Emulator { .. });
        Ok(rules)
    }
}

/// Lets a plan of an earlier revision delete nothing that the current manifests declare or protect, or would not prune.
pub(super) fn respect(current: &Manifests, desired: &mut Desired, options: &mut Options) {
    let declared = current.resources.iter();
    let declared = declared.filter(|resource| resource.state != State::Absent);
    let declared: BTreeSet<ResourceKey> = declared.map(|resource| resource.key.clone()).collect();
    desired
        .resources
        .retain(|key, resource| resource.state != State::Absent || !declared.contains(key));
    options.declared_now = declared;
    if let Some(project) = &current.project {
        let protect = project.protect.iter();
        options
            .protect
            .extend(protect.map(|glob| glob.value.clone()));
        // Other undeclared rows are no drift, so reverting drift does not delete them.
        let prunes = project.prune == Prune::Owned && project.undeclared == Undeclared::Fail;
        options.prune.retain(|prefix| {
            let mut owned = project.owns.iter();
            prunes && owned.any(|owned| owned.value == *prefix)
        });
    }
}

/// The overrides of the project file that hold today.
pub(super) fn committed(loaded: &Loaded, environment: &Environment) -> Option<Vec<Allowance>> {
    let project = loaded.manifests.project.as_ref()?;
    Some(project.allowed(&environment.name, &today::utc()))
}

/// The findings as diagnostics.
pub(super) fn diagnostics(findings: &[Finding]) -> Vec<Diagnostic> {
    findings.iter().map(Diagnostic::from).collect()
}

/// Fails if the review denies a plan.
pub(super) fn refuse_denied(findings: &[Finding]) -> Result<(), Error> {
    if !denies(findings) {
        return Ok(());
    }
    Err(Error::Refused {
        message: "review refuses this plan, so nothing was changed".to_owned(),
        hint: Some("each refusal above says what lets it pass".to_owned()),
    })
}

//! Looks at one environment.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use deskstate_dataverse::{Budget, Reader, Stop};
use deskstate_model::{Diagnostic, ResourceKey};
use deskstate_reconcile::check::{named_users, needs_names};
use deskstate_reconcile::drift::{
    Applied, Input, Report, owned_extras, owned_prefixes, users_accepted,
};
use deskstate_reconcile::plan::{Options, SyncState};
use deskstate_reconcile::reach::reach;
use deskstate_reconcile::{Narrow, Scope, blame, drift, lower, observe, plan};

use super::Args;
use crate::commands::choosing::Choosing;
use crate::commands::live::is_recorded;
use crate::environment::{self, Access, Opened};
use crate::error::Error;
use crate::output::drift_report::{Looked, Way};
use crate::output::html;
use crate::project::{self, Loaded};
use crate::specs::Specs;

/// How to check environments.
pub(super) struct How<'a> {
    pub(super) access: &'a Access,
    pub(super) today: &'a str,
    pub(super) stop: &'a Stop,
    /// Whether the agent's screen is drawn.
    pub(super) draws: bool,
    /// The budget for requests to an environment.
    pub(super) budget: Budget,
}

/// Reads one environment and reports.
pub(super) async fn look(
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
    only: Option<&BTreeSet<ResourceKey>>,
    how: &How<'_>,
) -> Result<Looked, Error> {
    let work = async |opened: Opened| {
        let reader = Reader::open(&opened.connection.budget(how.budget))?;
        let address = opened.address;
        look_with(
            &reader, address, loaded, applied, only, how.today, how.draws,
        )
        .await
    };
    let environment = loaded.environment()?;
    environment::with(&loaded.root, environment, how.access, how.stop, work).await
}

/// Like [`look`], but for an environment that is already open.
pub(in crate::commands) async fn look_with(
    reader: &Reader,
    address: String,
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
    only: Option<&BTreeSet<ResourceKey>>,
    today: &str,
    draws: bool,
) -> Result<Looked, Error> {
    let organization = loaded.environment()?.organization_id;
    let (report, mut findings, reaches, requests, picture) =
        read(loaded, applied, only, reader, organization, today, draws).await?;
    findings.retain(|finding| {
        let mut accepted = report.accepted_obstacles.iter();
        !accepted.any(|one| one.code == finding.code && one.reason == finding.message)
    });
    let points_nowhere = report.state() == SyncState::InSync
        && report.ignored.is_empty()
        && report.expired.is_empty()
        && findings.is_empty();
    Ok(Looked {
        address,
        // In a fleet, sources are kept only if a report points into them.
        sources: if points_nowhere {
            deskstate_model::SourceMap::default()
        } else {
            loaded.manifests.sources.clone()
        },
        report,
        findings,
        reaches,
        selection: only.is_some(),
        way: Way {
            at: applied.map(|(revision, _)| revision.clone()),
            writes: loaded.environment()?.writes,
        },
        requests,
        picture,
    })
}

pub(super) type Read = (
    Report,
    Vec<Diagnostic>,
    Vec<(ResourceKey, String)>,
    u64,
    Option<html::Picture>,
);

pub(super) async fn read(
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
    only: Option<&BTreeSet<ResourceKey>>,
    reader: &Reader,
    organization: Option<uuid::Uuid>,
    today: &str,
    draws: bool,
) -> Result<Read, Error> {
    let desired = lower(&loaded.manifests);
    let then = applied.map(|(revision, loaded)| (revision.as_str(), lower(&loaded.manifests)));
    // References of the earlier manifests are resolved too, so that both plans compare with the same live rows.
    let mut everything = desired.clone();
    if let Some((_, then)) = &then {
        for (key, resource) in &then.resources {
            match everything.resources.entry(key.clone()) {
                Entry::Vacant(entry) => drop(entry.insert(resource.clone())),
                Entry::Occupied(mut entry) => entry.get_mut().also_read(resource),
            }
        }
    }
    let scope = Scope {
        names: needs_names(&loaded.manifests.contracts),
        users: named_users(&loaded.manifests.contracts),
        organization,
        narrow: Narrow::of(
            &everything,
            &loaded.manifests.contracts,
            &owned_prefixes(&loaded.manifests),
        ),
        ..Scope::default()
    };
    let live = observe(reader, &everything, &scope).await?;
    let options = Options {
        only: only.cloned(),
        only_compares: true,
        users_accepted: users_accepted(&loaded.manifests, today),
        ..Options::default()
    };
    let (plan_now, findings) = plan(&desired, &live, &options);
    let before = then
        .as_ref()
        .map(|(revision, then)| (*revision, then, plan(then, &live, &options).0));
    let manifests = match only {
        Some(only) => Cow::Owned(loaded.manifests.only(only)),
        None => Cow::Borrowed(&loaded.manifests),
    };
    let extras = owned_extras(&manifests, &desired, &live);
    let blame = blame(reader, &live, &plan_now, &extras).await;
    is_recorded(reader)?;
    let report = drift(Input {
        manifests: &manifests,
        desired: &desired,
        live: &live,
        plan: &plan_now,
        applied: before.as_ref().map(|(revision, desired, plan)| Applied {
            revision,
            desired,
            plan,
        }),
        blame: &blame,
        today,
        only,
    });
    let reached = reach(&plan_now, &desired, &live);
    let reaches = plan_now
        .changes
        .iter()
        .zip(&reached.changes)
        .filter_map(|(change, reach)| Some((change.key.clone(), reach.words()?)))
        .collect();
    let picture =
        draws.then(|| html::Picture::of_drift(&manifests, &Specs::live(&live), &plan_now));
    Ok((report, findings, reaches, reader.requests(), picture))
}

/// The resources to check in one environment, selected from the current and the last applied manifests; `None` for everything.
pub(in crate::commands) fn only(
    choosing: &Choosing,
    loaded: &Loaded,
    applied: Option<&(String, Loaded)>,
) -> Option<BTreeSet<ResourceKey>> {
    (!choosing.is_everything()).then(|| {
        let then = applied.map(|(_, then)| &then.manifests);
        std::iter::once(&loaded.manifests)
            .chain(then)
            .flat_map(|manifests| choosing.keys_of_some(manifests))
            .collect()
    })
}

/// Loads the manifests of the last applied revision, if one was given.
pub(super) fn applied(
    args: &Args,
    loaded: &Loaded,
    environment: &str,
) -> Result<Option<(String, Loaded)>, Error> {
    let Some(named) = &args.at else {
        return Ok(None);
    };
    let named = named.replace("{env}", environment);
    let at_revision = project::load_revision(&loaded.root, &named, environment)?;
    Ok(Some((named, at_revision)))
}

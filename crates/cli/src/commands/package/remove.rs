//! `package remove`: checks what is still in use, and what agents would lose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deskstate_model::{
    AppProfile, Diagnostic, LOCK_FILE, Manifests, PACKAGES_FOLDER, PROJECT_FILE, PackageItem, load,
};
use serde_json::Value;

use super::RemoveArgs;
use super::add::shown;
use super::change::{Change, edited, refuse_unread};
use crate::door::{GOOD, WARN};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::output::plain;
use crate::paths::shown_path;
use crate::project;
use crate::suggest::suggest;
use crate::ui::Ui;

pub(super) fn in_use(manifests: &Manifests, name: &str) -> Result<Value, Error> {
    let project = manifests.project.as_ref().ok_or(Error::InvalidManifests)?;
    let used = project.packages.iter().find(|used| used.name.value == name);
    let names: Vec<&str> = project
        .packages
        .iter()
        .map(|used| used.name.value.as_str())
        .collect();
    used.map(|used| used.from.value.clone())
        .ok_or_else(|| Error::Failed {
            message: format!("the project does not use a package `{}`", plain(name)),
            hint: Some(match names.as_slice() {
                [] => "`deskstate package add` adds one".to_owned(),
                names => format!("it uses {}", names.join(", ")),
            }),
        })
}

pub(super) async fn remove(
    args: &RemoveArgs,
    global: &Global,
    ui: &mut Ui,
) -> Result<ExitCode, Error> {
    let root = project::root(global)?;
    let (before, found) = load(&root, None);
    refuse_unread(&before.lock)?;
    refuse_changed(&root, &args.name, &found)?;
    let is_locked = before.lock.packages.contains_key(&args.name);
    if !is_locked {
        in_use(&before, &args.name)?;
        // Only the lock says what the package brought, so nothing could list it as removed.
        let mut packages = before.packages.iter();
        if packages.any(|package| package.name.value == args.name) {
            return Err(Error::Refused {
                message: format!(
                    "`{LOCK_FILE}` lacks the package `{}`, so it is unknown which rows it brought",
                    plain(&args.name)
                ),
                hint: Some(format!(
                    "{} first, which writes the entry",
                    suggest("package", &["update", &args.name])
                )),
            });
        }
    }
    let text = edited(&root, |edits| {
        edits.remove(0, &["spec", "packages", &args.name])
    })?;
    let mut change = Change {
        root,
        name: args.name.clone(),
        files: None,
        beside: BTreeMap::from([(PROJECT_FILE.to_owned(), text)]),
        before: BTreeMap::new(),
    };
    change.settle(&before, None, ui)?;
    refuse_loss(args, &change, ui)?;
    if args.dry_run {
        ui.note("nothing was written");
    } else {
        change.write()?;
        ui.verb(GOOD, "Removed", &args.name);
        kinds_that_go(&before, args, ui);
        ui.hint("the next apply to each environment deletes what the package brought");
    }
    change.show_plans(&args.showing, ui).await?;
    Ok(ExitCode::Done)
}

/// Refuses to delete files of a package that somebody changed.
fn refuse_changed(root: &Path, name: &str, found: &[Diagnostic]) -> Result<(), Error> {
    let folder = format!("{PACKAGES_FOLDER}/{name}");
    let is_of_it = |finding: &&Diagnostic| {
        finding.code == "package-changed"
            && finding.message.contains(&format!("`{folder}/"))
            && !finding.message.ends_with("is missing")
    };
    let Some(changed) = found.iter().find(is_of_it) else {
        return Ok(());
    };
    let place = root.join(&folder);
    Err(Error::Refused {
        message: format!(
            "{}; removing the package would delete {}, so nothing was written",
            plain(&changed.message),
            shown_path(&place)
        ),
        hint: Some(format!(
            "copy what you need, then {} restores the files",
            suggest("package", &["update", name])
        )),
    })
}

/// Reports which rows stay because their kinds are removed with the package.
pub(super) fn kinds_that_go(before: &Manifests, args: &RemoveArgs, ui: &mut Ui) {
    let package = before
        .packages
        .iter()
        .find(|one| one.name.value == args.name);
    if package.is_none_or(|package| !package.defines_kinds()) {
        return;
    }
    let brought = before.brings.get(&args.name).into_iter().flatten();
    let is_built_in = |item: &PackageItem| item.key().is_some_and(|key| key.kind.is_built_in());
    for item in brought.filter(|item| !is_built_in(item)) {
        ui.say(format_args!(
            "{WARN}not deleted{WARN:#}: {}, unless the project defines its kind",
            plain(&shown(item))
        ));
    }
}

/// Refuses a removal that takes a channel provider away from the agents of a profile.
pub(super) fn refuse_loss(args: &RemoveArgs, change: &Change, ui: &mut Ui) -> Result<(), Error> {
    if !tell_loss(change, ui) || args.allow_provider_loss {
        return Ok(());
    }
    Err(Error::Refused {
        message: "agents would lose a channel provider; nothing was written".to_owned(),
        hint: Some(
            "give these profiles another provider first, or add `--allow-provider-loss`".to_owned(),
        ),
    })
}

/// Names the channel providers that profiles lose; returns whether there are any.
pub(super) fn tell_loss(change: &Change, ui: &mut Ui) -> bool {
    let (manifests, _) = load(&change.root, None);
    let project = manifests.project.as_ref();
    let names = project
        .iter()
        .flat_map(|project| project.environments.keys());
    let mut lost: BTreeSet<(String, String)> = BTreeSet::new();
    for environment in names.map(|name| Some(name.as_str())).chain([None]) {
        let before = providers(&load(&change.root, environment).0);
        let after = providers(&change.load(environment).0);
        lost.extend(before.difference(&after).cloned());
    }
    for (profile, provider) in &lost {
        ui.say(format_args!(
            "{WARN}agents of {} lose the channel provider {}{WARN:#}",
            plain(profile),
            plain(provider)
        ));
    }
    !lost.is_empty()
}

/// The channel providers of every profile.
pub(super) fn providers(manifests: &Manifests) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for declared in &manifests.resources {
        let Some(profile) = AppProfile::of(&declared.spec) else {
            continue;
        };
        let name = declared.key.name.as_written();
        if let Some(set) = profile.channel_providers().value() {
            let members = set.members().map(|member| member.value.to_string());
            found.extend(members.map(|member| (name.to_owned(), member)));
        }
    }
    found
}

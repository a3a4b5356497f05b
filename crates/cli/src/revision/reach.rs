//! Which paths a project may read, also through links.

use deskstate_model::Project;

/// Whether a project, or one environment of it, may read files of a folder, or the file with this path. `links` has the places of links, and
/// what they lead to.
pub(super) fn may_read(
    project: &Project,
    environment: Option<&str>,
    links: &[(String, String)],
    path: &str,
) -> bool {
    let lists = [&project.manifests, &project.contracts, &project.kinds];
    let own = lists.into_iter().flatten();
    let own = own.map(|pattern| pattern.value.clone());
    let read = project.environments.values();
    let read = read.filter(|one| environment.is_none_or(|name| one.name == name));
    let overlays = read.flat_map(|environment| &environment.overlay);
    let overlays = overlays.map(|path| path.value.to_string_lossy().replace('\\', "/"));
    let patterns: Vec<String> = own.chain(overlays).collect();
    let reads = |path: &str| {
        let path = format!("{path}/");
        patterns.iter().any(|pattern| {
            let pattern = pattern.trim_start_matches("./");
            // A wildcard may stand for the rest of a name.
            let start = match pattern.split_once(['*', '?', '[', '{']) {
                Some((start, _)) => start.to_owned(),
                None => format!("{}/", pattern.trim_end_matches('/')),
            };
            start == "./" || start == "/" || path.starts_with(&start) || start.starts_with(&path)
        })
    };
    reads(path) || leading_to(links, path).into_iter().any(reads)
}

/// The places of links that lead into a folder, to one that contains it, or to such a link.
fn leading_to<'l>(links: &'l [(String, String)], folder: &str) -> Vec<&'l str> {
    let mut reached = vec![format!("{folder}/")];
    let mut found: Vec<&str> = Vec::new();
    let mut open: Vec<(&str, String)> = links
        .iter()
        .filter_map(|(place, leads_to)| {
            Some((place.as_str(), format!("{}/", resolved(place, leads_to)?)))
        })
        .collect();
    loop {
        let leads = |wanted: &str| {
            let mut reached = reached.iter();
            reached.any(|one| wanted.starts_with(one.as_str()) || one.starts_with(wanted))
        };
        let (new, rest): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, to)| leads(to));
        if new.is_empty() {
            return found;
        }
        reached.extend(new.iter().map(|(place, _)| format!("{place}/")));
        found.extend(new.iter().map(|(place, _)| *place));
        open = rest;
    }
}

/// Where a link leads, in the copy; `None` if outside.
pub(super) fn resolved(relative: &str, leads_to: &str) -> Option<String> {
    if leads_to.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = relative.split('/').collect();
    parts.pop();
    for part in leads_to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

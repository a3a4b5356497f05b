//! Which paths a project may read, also through links.

use deskstate_model::Project;

/// The place of a link, and what it leads to.
pub(super) type Link = (String, String);

/// Whether a project, or one environment of it, may read files of a folder, also through links.
pub(super) fn may_read(
    project: &Project,
    environment: Option<&str>,
    links: &[Link],
    folder: &str,
) -> bool {
    let reads = |folder: &str| project.may_read_below(environment, folder);
    reads(folder) || leading_to(links, folder).into_iter().any(reads)
}

/// The places of links that lead into a folder, to one that contains it, or to such a link.
fn leading_to<'l>(links: &'l [Link], folder: &str) -> Vec<&'l str> {
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

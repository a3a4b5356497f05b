//! Warnings of lists of roles that leave a provider to fewer people than their readers expect.

use deskstate_model::{Diagnostic, Explanation, Holds};

use super::planner::{Draft, Planner};
use crate::live::ObservedRow;
use crate::state::DeclaredColumn;
use crate::value::{Resolved, is_always};

pub(crate) const FEW_SEE_IT: Explanation = Explanation::new(
    "few-see-it",
    "A change of `roles` leaves a CIF v1 provider to administrators, or gives roles to a provider that had none.",
    "Microsoft's pages contradict each other: two say that a provider without roles is shown to all users of the app, and the FAQ of CIF v1 says that only System Administrator and System Customizer see it. deskstate always writes these two along, as the page of providers does, so it cannot write a provider without roles: `roles: []` leaves the widget to these two, and a first role takes it away from everybody else who saw it.",
    "List the roles of all agents who need the widget, which is correct in either case. The roles also need read access to the table of CIF v1 providers; the page of providers gives it when it saves roles, and deskstate does not. To leave a provider as it is, declare it with `metadata.state: existing`, and omit `roles`.",
);

impl<'a> Planner<'a> {
    /// Warns if a list of roles that is about to be written leaves a provider to few people.
    pub(super) fn few_see(
        &mut self,
        draft: &Draft<'a>,
        column: &DeclaredColumn,
        resolved: &Resolved,
        row: Option<&ObservedRow>,
    ) {
        let Holds::Ids { always, .. } = column.field.holds else {
            return;
        };
        let (Resolved::Ids(ids) | Resolved::IdsAmong { with: ids, .. }) = resolved else {
            return;
        };
        if always.is_empty() || self.only_compares {
            return;
        }
        let text = row.and_then(|row| row.row.text(column.field.column));
        let has_none = row.is_some() && text.is_none_or(|text| text.trim().is_empty());
        let is_exact = matches!(resolved, Resolved::Ids(_));
        let is_bare = ids
            .iter()
            .all(|(_, label)| is_always(column.field.holds, label));
        let key = &draft.resource.key;
        let message = match (has_none, is_bare && is_exact) {
            (true, _) => format!(
                "{key} has no roles, so everybody with the app may see it; after the change, only the roles of the manifest and {} do",
                always.join(" and ")
            ),
            (false, true) => format!("only {} will see {key}", always.join(" and ")),
            (false, false) => return,
        };
        self.findings.warn(
            Diagnostic::warning(FEW_SEE_IT.code, message)
                .at(column.span, "who sees the widget")
                .help("list the roles of all agents who need it"),
        );
    }
}

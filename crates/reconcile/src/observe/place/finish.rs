//! Combines all answers to the snapshot of the live environment.

use std::collections::BTreeMap;

use deskstate_model::{Kind, Table, tables};

use super::Observed;
use crate::kinds::part_of;
use crate::live::{Access, Live, LiveLinks, LiveTable};
use crate::observe::ask::written_tables;

impl Observed {
    pub(in crate::observe) fn finish(mut self, requests: u64) -> Live {
        self.give_up();
        self.facts.privileges = self.privileges();
        self.facts.more_privileges =
            self.single_privileges.is_empty() && self.privileges.iter().any(Option::is_none);
        for team in self.found.teams.values_mut().flatten() {
            team.cut |= team.members.is_empty() && self.manned_teams.contains(&team.id);
        }
        // Computed first: the rows are moved into the tables below, and links need the access to both of their tables.
        let access: BTreeMap<&'static Table, Access> = written_tables()
            .into_iter()
            .chain([&tables::USER])
            .map(|table| (table, self.access(table)))
            .collect();
        let seen = |table| access.get(table).cloned().unwrap_or(Access::Whole);
        let mut live_tables = BTreeMap::new();
        for table in written_tables() {
            let mut rows = self.rows.remove(table).unwrap_or_default();
            if self.lacks_structure(table).is_some() {
                rows.clear();
            }
            let mut live = LiveTable::index(table, part_of(table), rows, seen(table));
            live.options = self.options.remove(table).unwrap_or_default();
            live.missing_columns = self.missing_columns(table);
            live.unmodelled = self.unmodelled.remove(table);
            live.optimistic_concurrency = self.concurrency.get(table.logical).copied();
            live_tables.insert(table, live);
        }
        let mut live_links = BTreeMap::new();
        for relationship in Kind::relationships() {
            let own = self.link_access.remove(relationship);
            let pairs = self.links.remove(relationship);
            let access = match (own, &pairs) {
                (Some(access), _) => access,
                (None, None) => Access::Refused("the links were not shown".to_owned()),
                (None, Some(_)) => [seen(relationship.owner), seen(relationship.member)]
                    .into_iter()
                    .find(|access| !access.is_whole())
                    .unwrap_or(Access::Whole),
            };
            live_links.insert(
                relationship,
                LiveLinks::new(pairs.unwrap_or_default(), access),
            );
        }
        let in_part = match self.access(&tables::WORKSTREAM) {
            Access::Partial(why) if !self.has_no_workstreams => Some(why),
            _ => None,
        };
        Live {
            tables: live_tables,
            links: live_links,
            found: self.found,
            facts: self.facts,
            mentions: self.mentions,
            mentions_unread: self.mentions_unread.or(in_part),
            metadata: self.metadata,
            requests,
        }
    }
}

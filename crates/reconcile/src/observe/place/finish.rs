//! All answers together: live.

use std::collections::BTreeMap;

use super::Observed;
use crate::kinds::tables;
use crate::live::{Access, Live, LiveLinks, LiveTable};
use crate::observe::ask::{part_of, written_tables};

impl Observed {
    pub(in crate::observe) fn finish(mut self, requests: u64) -> Live {
        self.facts.privileges = self.privileges();
        let roots = self.found.roles.roots();
        let mut live_tables = BTreeMap::new();
        for table in written_tables() {
            let access = self.access(table);
            let rows = self.rows.remove(table).unwrap_or_default();
            let mut live = LiveTable::index(table, part_of(table), rows, access, &roots);
            live.missing_columns = self.missing_fields(table);
            live.optimistic_concurrency = self.concurrency.get(table.logical).copied();
            live_tables.insert(table, live);
        }
        let mut live_links = BTreeMap::new();
        for relationship in tables::RELATIONSHIPS {
            let own = self.link_access.remove(relationship);
            let pairs = self.links.remove(relationship);
            let access = match (own, &pairs) {
                (Some(access), _) => access,
                (None, None) => Access::Refused("the links were not shown".to_owned()),
                (None, Some(_)) => {
                    let sides = [
                        self.access(relationship.owner),
                        self.access(relationship.member),
                    ];
                    sides
                        .into_iter()
                        .find(|access| !access.is_whole())
                        .unwrap_or(Access::Whole)
                }
            };
            live_links.insert(
                *relationship,
                LiveLinks::new(pairs.unwrap_or_default(), access),
            );
        }
        Live {
            tables: live_tables,
            links: live_links,
            found: self.found,
            facts: self.facts,
            mentions: self.mentions,
            mentions_unread: self.mentions_unread,
            requests,
        }
    }
}

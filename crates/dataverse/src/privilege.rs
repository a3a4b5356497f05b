//! The depth of privileges.

use std::collections::BTreeMap;

use crate::{Row, Rows};

/// The depth of a privilege, from the narrowest to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// The user's own rows.
    Basic,
    /// Rows of the user's business unit.
    Local,
    /// Rows of the business unit and its child units.
    Deep,
    /// All rows of the organization.
    Global,
}

impl Depth {
    /// The deepest level in a mask (1 basic, 2 local, 4 deep, 8 global). `None` if the mask is empty.
    pub fn from_mask(mask: i64) -> Option<Depth> {
        [
            (8, Depth::Global),
            (4, Depth::Deep),
            (2, Depth::Local),
            (1, Depth::Basic),
        ]
        .into_iter()
        .find_map(|(bit, depth)| (mask & bit != 0).then_some(depth))
    }

    /// Parses the level names that `RetrieveUserPrivilegeByPrivilegeName` uses.
    pub fn from_word(word: &str) -> Option<Depth> {
        match word {
            "Basic" => Some(Depth::Basic),
            "Local" => Some(Depth::Local),
            "Deep" => Some(Depth::Deep),
            "Global" => Some(Depth::Global),
            _ => None,
        }
    }
}

/// Returns the deepest level of each privilege, by name, from the rows of [`Query::caller_privileges`](crate::Query::caller_privileges) and
/// [`Query::user_privilege`](crate::Query::user_privilege).
pub fn privilege_depths<'a>(
    answers: impl IntoIterator<Item = &'a Rows>,
) -> BTreeMap<String, Depth> {
    let mut depths = BTreeMap::new();
    for row in answers.into_iter().flatten() {
        let Some((name, depth)) = privilege(row) else {
            continue;
        };
        let deepest = depths.entry(name.to_owned()).or_insert(depth);
        *deepest = depth.max(*deepest);
    }
    depths
}

fn privilege(row: &Row) -> Option<(&str, Depth)> {
    let name = row.text("name").or_else(|| row.text("PrivilegeName"))?;
    let depth = match row.text("Depth") {
        Some(word) => Depth::from_word(word),
        None => Depth::from_mask(row.int("depth").or_else(|| row.int("Depth"))?),
    };
    Some((name, depth?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;

    fn rows(rows: Vec<Vec<(&str, Cell)>>) -> Rows {
        Rows {
            rows: rows
                .into_iter()
                .map(|cells| Row::from_cells(cells, None))
                .collect(),
        }
    }

    #[test]
    fn the_deepest_of_all_roles_and_teams_counts() {
        let own = rows(vec![
            vec![("name", "prvReadA".into()), ("depth", 1.into())],
            vec![("name", "prvReadB".into()), ("depth", 2.into())],
        ]);
        let teams = rows(vec![
            vec![("name", "prvReadA".into()), ("depth", 8.into())],
            vec![("name", "prvReadB".into()), ("depth", 1.into())],
            vec![("name", "prvReadC".into()), ("depth", 0.into())],
        ]);
        let user = rows(vec![vec![
            ("PrivilegeName", "prvReadD".into()),
            ("Depth", "Deep".into()),
        ]]);
        let depths = privilege_depths([&own, &teams, &user]);
        assert_eq!(
            depths.into_iter().collect::<Vec<_>>(),
            [
                ("prvReadA".to_owned(), Depth::Global),
                ("prvReadB".to_owned(), Depth::Local),
                ("prvReadD".to_owned(), Depth::Deep),
            ]
        );
    }
}

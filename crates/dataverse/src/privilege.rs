//! How far a privilege reaches.

use std::collections::BTreeMap;

use crate::{Row, Rows};

/// How far a privilege reaches, ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// Own rows.
    Basic,
    /// Rows of the business unit.
    Local,
    /// Rows of the business unit and those below.
    Deep,
    /// All rows of the organization.
    Global,
}

impl Depth {
    /// The deepest level of a mask (1 basic, 2 local, 4 deep, 8 global). `None` for an empty one.
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

    /// The level by the word of `RetrieveUserPrivilegeByPrivilegeName`.
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

/// The deepest level of each privilege, by name, over the rows of
/// [`Query::caller_privileges`](crate::Query::caller_privileges) and
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

//! Reads the table files: the built-in ones, and those of `--tables DIR`.

mod file;
mod resolve;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::schema::Schema;
use file::*;

const BUILT_IN: &[&str] = &[
    include_str!("../../tables/account.yaml"),
    include_str!("../../tables/appmodule.yaml"),
    include_str!("../../tables/audit.yaml"),
    include_str!("../../tables/businessunit.yaml"),
    include_str!("../../tables/canvasapp.yaml"),
    include_str!("../../tables/characteristic.yaml"),
    include_str!("../../tables/contact.yaml"),
    include_str!("../../tables/incident.yaml"),
    include_str!("../../tables/msdyn_appconfiguration.yaml"),
    include_str!("../../tables/msdyn_appcopilotconfiguration.yaml"),
    include_str!("../../tables/msdyn_applicationextension.yaml"),
    include_str!("../../tables/msdyn_applicationtabtemplate.yaml"),
    include_str!("../../tables/msdyn_appprofilerolemapping.yaml"),
    include_str!("../../tables/msdyn_cannedmessage.yaml"),
    include_str!("../../tables/msdyn_capacityprofile.yaml"),
    include_str!("../../tables/msdyn_channelprovider.yaml"),
    include_str!("../../tables/msdyn_chtprofileconfiguration.yaml"),
    include_str!("../../tables/msdyn_ciprovider.yaml"),
    include_str!("../../tables/msdyn_componentlayer.yaml"),
    include_str!("../../tables/msdyn_decisioncontract.yaml"),
    include_str!("../../tables/msdyn_inboxconfiguration.yaml"),
    include_str!("../../tables/msdyn_liveworkstream.yaml"),
    include_str!("../../tables/msdyn_liveworkstreamcapacityprofile.yaml"),
    include_str!("../../tables/msdyn_notificationfield.yaml"),
    include_str!("../../tables/msdyn_notificationtemplate.yaml"),
    include_str!("../../tables/msdyn_ocliveworkstreamcontextvariable.yaml"),
    include_str!("../../tables/msdyn_octag.yaml"),
    include_str!("../../tables/msdyn_operatinghour.yaml"),
    include_str!("../../tables/msdyn_paneconfiguration.yaml"),
    include_str!("../../tables/msdyn_panetabconfiguration.yaml"),
    include_str!("../../tables/msdyn_panetoolconfiguration.yaml"),
    include_str!("../../tables/msdyn_presence.yaml"),
    include_str!("../../tables/msdyn_productivityagentscript.yaml"),
    include_str!("../../tables/msdyn_productivityagentscriptstep.yaml"),
    include_str!("../../tables/msdyn_sessiontemplate.yaml"),
    include_str!("../../tables/msdyn_smartassistconfig.yaml"),
    include_str!("../../tables/msdyn_templateparameter.yaml"),
    include_str!("../../tables/msdyn_templatetags.yaml"),
    include_str!("../../tables/organization.yaml"),
    include_str!("../../tables/privilege.yaml"),
    include_str!("../../tables/publisher.yaml"),
    include_str!("../../tables/queue.yaml"),
    include_str!("../../tables/ratingmodel.yaml"),
    include_str!("../../tables/ratingvalue.yaml"),
    include_str!("../../tables/role.yaml"),
    include_str!("../../tables/roleprivileges.yaml"),
    include_str!("../../tables/roletemplate.yaml"),
    include_str!("../../tables/savedquery.yaml"),
    include_str!("../../tables/sdkmessage.yaml"),
    include_str!("../../tables/sdkmessagefilter.yaml"),
    include_str!("../../tables/solution.yaml"),
    include_str!("../../tables/solutioncomponent.yaml"),
    include_str!("../../tables/stringmap.yaml"),
    include_str!("../../tables/systemform.yaml"),
    include_str!("../../tables/systemuser.yaml"),
    include_str!("../../tables/systemuserroles.yaml"),
    include_str!("../../tables/team.yaml"),
    include_str!("../../tables/teammembership.yaml"),
    include_str!("../../tables/teamroles.yaml"),
    include_str!("../../tables/usersettings.yaml"),
    include_str!("../../tables/webresource.yaml"),
    include_str!("../../tables/workflow.yaml"),
];

const GROUPS: &str = include_str!("../../tables/_groups.yaml");

const RELATIONSHIPS: &str = include_str!("../../tables/_relationships.yaml");

/// An error in a table file.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file or folder.
        path: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a valid table file.
    #[error("`{path}` is not a table file: {source}")]
    Parse {
        /// The file.
        path: String,
        /// The parser's error.
        #[source]
        source: serde_yaml::Error,
    },
    /// A file refers to something that no file defines.
    #[error("table `{table}` names {what} `{name}`, which no table file defines")]
    Unknown {
        /// The table that contains the reference.
        table: String,
        /// The kind of the missing item.
        what: &'static str,
        /// Its name.
        name: String,
    },
}

/// Returns the schema of an environment. The built-in one is parsed once per process.
pub(crate) fn schema(folder: Option<&Path>) -> Result<Arc<Schema>, TablesError> {
    static BUILT_IN_SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    match (folder, BUILT_IN_SCHEMA.get()) {
        (None, Some(known)) => Ok(Arc::clone(known)),
        (None, None) => {
            let read = Arc::new(load(None)?);
            Ok(Arc::clone(BUILT_IN_SCHEMA.get_or_init(|| read)))
        }
        (folder, _) => load(folder).map(Arc::new),
    }
}

/// Reads the built-in tables and those of `folder`: one table per file, and `_relationships.yaml` for links.
pub(crate) fn load(folder: Option<&Path>) -> Result<Schema, TablesError> {
    let groups: BTreeMap<String, Vec<ColumnFile>> = parse("_groups.yaml", GROUPS)?;
    let mut relationships: Vec<RelationshipFile> = parse("_relationships.yaml", RELATIONSHIPS)?;
    let mut files = Vec::new();
    for text in BUILT_IN {
        files.push(parse::<TableFile>("built-in table", text)?);
    }
    if let Some(folder) = folder {
        for (path, text) in read_folder(folder)? {
            if path.ends_with("_relationships.yaml") {
                relationships.extend(parse::<Vec<RelationshipFile>>(&path, &text)?);
            } else {
                let file: TableFile = parse(&path, &text)?;
                files.retain(|known| known.table != file.table);
                files.push(file);
            }
        }
    }
    for relationship in &relationships {
        if !files
            .iter()
            .any(|file| file.table == relationship.intersect)
        {
            files.push(intersect_file(relationship));
        }
    }
    files.sort_by(|a, b| a.table.cmp(&b.table));
    resolve::resolve(files, &groups, relationships)
}

fn parse<T: serde::de::DeserializeOwned>(path: &str, text: &str) -> Result<T, TablesError> {
    serde_yaml::from_str(text).map_err(|source| TablesError::Parse {
        path: path.to_owned(),
        source,
    })
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, TablesError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| TablesError::Read { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            Ok((
                path.display().to_string(),
                crate::files::read_text(path).map_err(failed(path))?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Navigation;

    #[test]
    fn every_built_in_table_loads_and_its_links_resolve() {
        let schema = load(None).expect("built-in tables load");
        let session = schema.table(
            schema
                .named("msdyn_sessiontemplate")
                .expect("session templates"),
        );
        assert!(matches!(
            session.navigation["msdyn_anchortab"],
            Navigation::Lookup { .. }
        ));
        assert!(matches!(
            session.navigation["msdyn_sessiontemplate_applicationtab"],
            Navigation::Many { side: 0, .. }
        ));
        let pane_tab = schema.table(
            schema
                .named("msdyn_panetabconfiguration")
                .expect("pane tabs"),
        );
        assert!(
            pane_tab.navigation.contains_key("msdyn_ToolId"),
            "capitals as documented"
        );
        assert_eq!(
            schema
                .with_set("msdyn_msdyn_prod_agentscript_msdyn_sessiontemplset")
                .map(|id| schema.table(id).intersect.is_some()),
            Some(true)
        );
        assert_eq!(
            schema.with_set("systemuserrolescollection"),
            schema.named("systemuserroles")
        );
    }

    #[test]
    fn a_table_file_that_names_an_unknown_target_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(
            folder.path().join("x.yaml"),
            "table: x\nset: xs\nlabel: X\nplural: Xs\nkey: xid\ncolumns:\n- {name: xid, type: id}\n- {name: y, type: lookup, to: [nowhere]}\n",
        )
        .expect("written");
        let error = load(Some(folder.path())).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "table `x` names target `nowhere`, which no table file defines"
        );
    }
}

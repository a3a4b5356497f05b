//! The checks of `doctor` for builds that apply to an environment. They only read the project's files: the settings of the build host are
//! not visible from here.

use std::path::Path;

use deskstate_files::Limit;
use deskstate_model::Project;

use super::Finding;

/// Finds the project's workflows and pipelines that apply to the environment, and the settings that restrict who may run them.
pub(super) fn of_project(root: &Path, project: &Project, environment: &str) -> Vec<Finding> {
    let is_stage = project.stages.is_empty()
        || project
            .stages
            .iter()
            .any(|stage| stage.value == environment);
    let applies = |file: &str| {
        let text = deskstate_files::read_text(root.join(file), Limit::MANIFEST).unwrap_or_default();
        is_stage
            && text
                .lines()
                .any(|line| line.trim() == format!("environment: {environment}"))
    };
    let mut findings = Vec::new();
    if applies(".github/workflows/deskstate-apply.yml") {
        findings.push(Finding::worth(
            format!("GitHub Actions applies to {environment}: check there that only the main branch can"),
            &format!(
                "Settings, Environments, `{environment}`: required reviewers, and deployment branches limited to `main`; the subjects of the two federated credentials end in `:environment:{environment}` and `:environment:{environment}-plan`"
            ),
        ));
    }
    if applies("azure-pipelines/apply.yml") {
        findings.push(Finding::worth(
            format!("Azure Pipelines applies to {environment}: check there that only the main branch can"),
            &format!(
                "Pipelines, Environments, `{environment}`: the checks Approvals, Branch control (`refs/heads/main`) and Exclusive lock; service connection `deskstate-apply-{environment}`: the check Branch control"
            ),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_applies_is_named_with_the_settings_that_limit_it() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let file = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        file(
            "deskstate.yaml",
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: desk}\nspec:\n  stages: [dev, prod]\n  environments:\n    dev: {url: \"https://a.example\"}\n    prod: {url: \"https://b.example\"}\n    lab: {url: \"https://c.example\"}\n",
        );
        let project = deskstate_model::load_project(folder.path())
            .0
            .project
            .expect("a project");
        let found = |environment: &str| of_project(folder.path(), &project, environment);
        assert_eq!(found("prod"), []);
        file(
            ".github/workflows/deskstate-apply.yml",
            "    with:\n      environment: prod\n",
        );
        file(
            "azure-pipelines/apply.yml",
            "          environment: prod\n          environment: lab\n",
        );
        let said: Vec<String> = found("prod")
            .into_iter()
            .filter_map(|finding| finding.help)
            .collect();
        assert!(said[0].contains("`:environment:prod`"), "{said:?}");
        assert!(said[1].contains("`deskstate-apply-prod`"), "{said:?}");
        assert_eq!(found("dev"), []);
        assert_eq!(found("lab"), []);
    }
}

//! `init --ci`: writes workflows and pipelines for the stages of a project.

use std::path::{Path, PathBuf};

use deskstate_files::Limit;
use deskstate_model::{Diagnostic, PROJECT_FILE, Target, load_project};
use sha2::{Digest, Sha256};

use super::{Ci, NewFile, write_new};
use crate::door::{DIM, GOOD, WARN};
use crate::error::Error;
use crate::output::{count, plain};
use crate::paths::shown_path;
use crate::ui::Ui;

/// The environment name in a new project.
pub(super) const DEFAULT_STAGE: &str = "prod";

/// A file with placeholders in braces for the stages. The folders `ci/github/workflows` and `ci/azure-pipelines` contain the rendered files
/// for dev, test and prod.
struct Template {
    name: &'static str,
    text: &'static str,
    /// The text that `{stages}` repeats for each stage.
    part: &'static str,
}

const GITHUB: &[Template] = &[
    Template {
        name: "deskstate-plan.yml",
        text: include_str!("../../../assets/ci/github/deskstate-plan.yml"),
        part: "",
    },
    Template {
        name: "deskstate-apply.yml",
        text: include_str!("../../../assets/ci/github/deskstate-apply.yml"),
        part: include_str!("../../../assets/ci/github/deskstate-apply.part"),
    },
    Template {
        name: "deskstate-stage.yml",
        text: include_str!("../../../assets/ci/github/deskstate-stage.yml"),
        part: "",
    },
    Template {
        name: "deskstate-drift.yml",
        text: include_str!("../../../assets/ci/github/deskstate-drift.yml"),
        part: "",
    },
];

/// The installers are the same as in `ci`.
const AZURE: &[Template] = &[
    Template {
        name: "install.yml",
        text: include_str!("../../../assets/ci/azure-pipelines/install.yml"),
        part: "",
    },
    Template {
        name: "install.sh",
        text: include_str!("../../../assets/ci/install.sh"),
        part: "",
    },
    Template {
        name: "install.ps1",
        text: include_str!("../../../assets/ci/install.ps1"),
        part: "",
    },
    Template {
        name: "plan.yml",
        text: include_str!("../../../assets/ci/azure-pipelines/plan.yml"),
        part: include_str!("../../../assets/ci/azure-pipelines/plan.part"),
    },
    Template {
        name: "plan-environment.yml",
        text: include_str!("../../../assets/ci/azure-pipelines/plan-environment.yml"),
        part: "",
    },
    Template {
        name: "apply.yml",
        text: include_str!("../../../assets/ci/azure-pipelines/apply.yml"),
        part: include_str!("../../../assets/ci/azure-pipelines/apply.part"),
    },
    Template {
        name: "stage.yml",
        text: include_str!("../../../assets/ci/azure-pipelines/stage.yml"),
        part: "",
    },
    Template {
        name: "drift.yml",
        text: include_str!("../../../assets/ci/azure-pipelines/drift.yml"),
        part: include_str!("../../../assets/ci/azure-pipelines/drift.part"),
    },
    Template {
        name: "drift-environment.yml",
        text: include_str!("../../../assets/ci/azure-pipelines/drift-environment.yml"),
        part: "",
    },
];

/// The last line of a file that `init` wrote. The digest of the lines above follows it.
const SEAL: &str = "# `deskstate init --ci` replaces this file unless it was edited: sha256 ";

/// Refuses names that GitHub's environments cannot tell apart: the plans of a stage run in an environment of their own, which may only read.
pub(super) fn refuse_plan_stage(ci: Ci, stages: &[String]) -> Result<(), Error> {
    let is_plan_of = |name: &&String| {
        let mut others = stages.iter();
        others.any(|other| name.eq_ignore_ascii_case(&format!("{other}-plan")))
    };
    match stages.iter().find(is_plan_of) {
        Some(name) if matches!(ci, Ci::Github) => Err(Error::Refused {
            message: format!(
                "the stage `{name}` has the name of the GitHub environment in which plans for `{}` run",
                &name[..name.len() - "-plan".len()]
            ),
            hint: Some("rename the environment; plans run with rights to read, stages with rights to write".to_owned()),
        }),
        _ => Ok(()),
    }
}

/// The stages of a project: its `stages`, otherwise its only environment with an address, otherwise the one of a new project.
pub(super) fn stages_of(folder: &Path) -> Result<Vec<String>, Error> {
    let (manifests, found) = load_project(folder);
    let Some(project) = manifests
        .project
        .filter(|_| !found.iter().any(Diagnostic::is_error))
    else {
        return Err(Error::Refused {
            message: format!("{PROJECT_FILE} has errors, so its stages are not known"),
            hint: Some("`deskstate validate` shows them".to_owned()),
        });
    };
    if !project.stages.is_empty() {
        return Ok(project
            .stages
            .into_iter()
            .map(|stage| stage.value)
            .collect());
    }
    let addressed: Vec<String> = project
        .environments
        .into_values()
        .filter(|environment| matches!(environment.target, Target::Url(_)))
        .map(|environment| environment.name)
        .collect();
    match addressed.as_slice() {
        // The project file that `init` writes has this environment as a comment.
        [] => Ok(vec![DEFAULT_STAGE.to_owned()]),
        [_] => Ok(addressed),
        _ => Err(Error::Refused {
            message: format!(
                "{PROJECT_FILE} has {} with an address, and no `stages` that put them in order",
                count(addressed.len(), "environment")
            ),
            hint: Some(
                "list the environments that CI applies, in order, for example `stages: [dev, test, prod]` under `spec`"
                    .to_owned(),
            ),
        }),
    }
}

/// The files for these stages, in this order.
pub(super) fn files(ci: Ci, stages: &[String]) -> Vec<NewFile> {
    let (folder, templates) = match ci {
        Ci::Github => (".github/workflows", GITHUB),
        Ci::Azure => ("azure-pipelines", AZURE),
    };
    // Set in release builds.
    let commit = option_env!("DESKSTATE_COMMIT").filter(|commit| !commit.is_empty());
    templates
        .iter()
        .map(|template| {
            let text = pinned(&template.rendered(stages), commit);
            (format!("{folder}/{}", template.name), sealed(&text))
        })
        .collect()
}

impl Template {
    /// Renders the file for these stages.
    fn rendered(&self, stages: &[String]) -> String {
        let ids: Vec<String> = (1..)
            .zip(stages)
            .map(|(number, stage)| format!("{number}_{}", stage.replace(['-', '.'], "_")))
            .collect();
        let values: Vec<String> = stages.iter().map(|stage| scalar(stage)).collect();
        let options: Vec<String> = stages
            .iter()
            .map(|stage| format!("--env={stage}"))
            .collect();
        let plans: Vec<String> = ids.iter().map(|id| format!("plan_{id}")).collect();
        let mut blocks = Vec::new();
        for (at, stage) in stages.iter().enumerate() {
            let block = match at.checked_sub(1).and_then(|before| ids.get(before)) {
                Some(previous) => self.part.replace("{previous}", previous),
                None => self
                    .part
                    .replace("    needs: stage_{previous}\n", "")
                    .replace("stage_{previous}", "[]"),
            };
            let block = block
                .replace("{id}", &ids[at])
                .replace("{name}", stage)
                .replace("{value}", &values[at]);
            blocks.push(block);
        }
        self.text
            .replace("{environments}", &format!("[{}]", values.join(", ")))
            .replace("{env_options}", &options.join(" "))
            .replace("{plan_jobs}", &format!("[{}]", plans.join(", ")))
            .replace("{stages}\n", &blocks.join("\n"))
    }
}

/// Renders the name of an environment as YAML, quoted if YAML would not read it as a string.
fn scalar(name: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_word = WORDS.iter().any(|word| name.eq_ignore_ascii_case(word));
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) && !is_word {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

/// Pins our own action to the commit of this release, because a tag can be moved.
fn pinned(text: &str, commit: Option<&str>) -> String {
    let tag = concat!("deskstate/deskstate/ci/github@v", env!("CARGO_PKG_VERSION"));
    match commit {
        Some(commit) => {
            let (action, version) = tag.split_once('@').unwrap_or((tag, ""));
            text.replace(tag, &format!("{action}@{commit} # {version}"))
        }
        None => text.to_owned(),
    }
}

/// Adds a last line that shows later whether somebody edited the file.
fn sealed(text: &str) -> String {
    format!("{text}{SEAL}{}\n", digest(text))
}

/// Whether a file is unchanged since `init` wrote it. Git may have changed its line endings.
fn is_as_written(file: &str) -> bool {
    let file = file.replace("\r\n", "\n");
    file.rsplit_once(SEAL)
        .is_some_and(|(text, seal)| seal.trim_end() == digest(text))
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file, or replaces one that an earlier `init` wrote. A file that somebody edited is kept.
pub(super) fn write(folder: &Path, path: &str, text: &str, ui: &mut Ui) -> Result<(), Error> {
    let target = folder.join(path);
    let Ok(known) = deskstate_files::read_text(&target, Limit::MANIFEST) else {
        // The file does not exist, or `init` did not write it.
        return write_new(folder, path, text, ui);
    };
    if known.replace("\r\n", "\n") == text {
        ui.verb(DIM, "Unchanged", path);
    } else if is_as_written(&known) {
        crate::kept::edit_file(&target, text)?;
        ui.verb(GOOD, "Updated", path);
    } else {
        ui.verb(DIM, "Kept", path);
        ui.note(format_args!(
            "{} was edited, so it stays as it is; to get the new version, move it away and run this command again",
            plain(path)
        ));
    }
    Ok(())
}

/// Prints the environments that the files are for, and what to do next.
pub(super) fn explain(ci: Ci, folder: &Path, stages: &[String], ui: &mut Ui) {
    ui.note(format_args!(
        "the files apply to {}",
        stages.join(", then ")
    ));
    if let Some(root) = repository_above(folder) {
        let reader = match ci {
            Ci::Github => {
                "GitHub reads `.github/workflows` only at the root of a repository, and the files run there"
            }
            Ci::Azure => "the pipelines run at the root of the repository",
        };
        ui.note(format_args!(
            "{WARN}warning{WARN:#}: {reader}: {}; put the project into a repository of its own",
            shown_path(&root)
        ));
    }
    ui.hint("read the head of each file: it lists what to set up first");
}

/// The root of the git repository around a folder that is not the root itself.
fn repository_above(folder: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    let root = folder
        .ancestors()
        .find(|place| place.join(".git").exists())?;
    (root != folder).then(|| root.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [&str; 3] = ["dev", "test", "prod"];

    fn stages(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_folder_ci_holds_the_templates_for_dev_test_and_prod() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci");
        if !root.is_dir() {
            // A published crate has no such folder.
            return;
        }
        for (folder, templates) in [("github/workflows", GITHUB), ("azure-pipelines", AZURE)] {
            for template in templates {
                let place = match template.name {
                    "install.sh" | "install.ps1" => root.join(template.name),
                    name => root.join(folder).join(name),
                };
                let text = template.rendered(&stages(&STAGES));
                if std::env::var_os("UPDATE_TEMPLATES").is_some() {
                    std::fs::write(&place, &text).expect("the folder is there");
                }
                let file = std::fs::read_to_string(&place).unwrap_or_default();
                assert_eq!(
                    file,
                    text,
                    "{} is stale: UPDATE_TEMPLATES=1 cargo test -p deskstate --lib templates",
                    place.display()
                );
            }
        }
    }

    #[test]
    fn names_of_environments_are_texts_in_yaml_and_never_collide() {
        let names = stages(&["on", "2026", "a.b", "a-b"]);
        for ci in [Ci::Github, Ci::Azure] {
            for (path, text) in files(ci, &names) {
                if !path.ends_with(".yml") {
                    continue;
                }
                let read: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
                if text.contains("[\"on\"") {
                    assert!(text.contains("[\"on\", \"2026\", a.b, a-b]"), "{path}");
                }
                if path.ends_with("apply.yml") {
                    let ids = ["stage_1_on", "stage_2_2026", "stage_3_a_b", "stage_4_a_b"];
                    assert!(ids.iter().all(|id| text.contains(id)), "{path}");
                }
                let of_others = ["[dev", "_dev", " dev\n", " prod\n"];
                assert!(
                    !of_others.iter().any(|text_of| text.contains(text_of)),
                    "{path}"
                );
                assert!(read.is_mapping(), "{path}");
                assert!(
                    !text.contains("{previous}") && !text.contains("{value}"),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn a_file_is_replaced_only_as_long_as_nobody_edited_it() {
        let text = sealed("name: a\n");
        assert!(is_as_written(&text));
        assert!(is_as_written(&text.replace('\n', "\r\n")));
        assert!(!is_as_written(&text.replace("name: a", "name: b")));
        assert!(!is_as_written("name: a\n"));
    }

    #[test]
    fn our_own_action_is_pinned_to_a_release_and_never_to_a_branch() {
        let uses: Vec<&str> = GITHUB
            .iter()
            .flat_map(|template| template.text.lines())
            .filter(|line| line.contains("deskstate/deskstate/"))
            .collect();
        assert!(!uses.is_empty());
        let commit = "0123456789012345678901234567890123456789";
        for line in uses {
            let tag = format!("@v{}", env!("CARGO_PKG_VERSION"));
            assert!(line.ends_with(&tag), "{line}");
            let pin = format!("@{commit} # v{}", env!("CARGO_PKG_VERSION"));
            assert!(pinned(line, Some(commit)).ends_with(&pin), "{line}");
        }
        let version = format!("default: {}\n", env!("CARGO_PKG_VERSION"));
        let install = AZURE.iter().find(|template| template.name == "install.yml");
        assert!(install.is_some_and(|template| template.text.contains(&version)));
    }
}

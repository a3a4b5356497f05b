//! `deploy/kubernetes/`: finds everything that the API server would refuse (Kubernetes API reference, batch/v1 and core/v1).

use std::path::Path;

use super::support;
use serde_json::Value as Json;

const JOB: &[&str] = &[
    "activeDeadlineSeconds",
    "backoffLimit",
    "backoffLimitPerIndex",
    "completionMode",
    "completions",
    "manualSelector",
    "maxFailedIndexes",
    "parallelism",
    "podFailurePolicy",
    "selector",
    "successPolicy",
    "suspend",
    "template",
    "ttlSecondsAfterFinished",
];
const CRON_JOB: &[&str] = &[
    "concurrencyPolicy",
    "failedJobsHistoryLimit",
    "jobTemplate",
    "schedule",
    "startingDeadlineSeconds",
    "successfulJobsHistoryLimit",
    "suspend",
    "timeZone",
];
const POD: &[&str] = &[
    "automountServiceAccountToken",
    "containers",
    "initContainers",
    "restartPolicy",
    "securityContext",
    "serviceAccountName",
    "volumes",
];
const CONTAINER: &[&str] = &[
    "args",
    "command",
    "env",
    "image",
    "name",
    "resources",
    "securityContext",
    "volumeMounts",
];

fn document(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy/kubernetes")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

#[track_caller]
fn knows(object: &Json, keys: &[&str]) {
    for key in object.as_object().unwrap().keys() {
        assert!(keys.contains(&key.as_str()), "`{key}` is no field here");
    }
}

#[track_caller]
fn check_pod(template: &Json) -> Vec<String> {
    let pod = &template["spec"];
    knows(pod, POD);
    assert!(
        ["Never", "OnFailure"].contains(&pod["restartPolicy"].as_str().unwrap()),
        "a job's pods do not restart always"
    );
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let volumes: Vec<&str> = pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| volume["name"].as_str().unwrap())
        .collect();
    let mut args = Vec::new();
    for container in pod["initContainers"]
        .as_array()
        .unwrap()
        .iter()
        .chain(pod["containers"].as_array().unwrap())
    {
        knows(container, CONTAINER);
        let image = container["image"].as_str().unwrap();
        assert!(
            image.contains(':') && !image.ends_with(":latest"),
            "{image} names a version"
        );
        assert_eq!(
            container["securityContext"]["capabilities"]["drop"][0],
            "ALL"
        );
        assert!(container["resources"]["limits"]["memory"].is_string());
        for mount in container["volumeMounts"].as_array().unwrap() {
            assert!(volumes.contains(&mount["name"].as_str().unwrap()));
            assert!(mount["mountPath"].as_str().unwrap().starts_with('/'));
        }
        for variable in container["env"].as_array().unwrap() {
            assert!(
                variable["value"].is_string(),
                "values of variables are text"
            );
        }
        args = container["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().unwrap().to_owned())
            .collect();
    }
    args
}

/// Checks that the binary knows the arguments: it gets as far as reporting the missing project.
fn check_arguments(args: &[String]) {
    let folder = tempfile::TempDir::new().unwrap();
    let args: Vec<&str> = args
        .iter()
        .map(|arg| {
            if arg == "/project" {
                folder.path().to_str().unwrap()
            } else {
                arg
            }
        })
        .collect();
    let run: support::Run = support::deskstate(folder.path())
        .env("JOB_COMPLETION_INDEX", "7")
        .args(args)
        .output()
        .unwrap()
        .into();
    let run = run.ended(1);
    assert!(run.err.contains("no `deskstate.yaml`"), "{}", run.err);
}

#[test]
fn the_cron_job_is_one_that_kubernetes_takes() {
    let cron = document("cronjob.yaml");
    assert_eq!(
        (&cron["apiVersion"], &cron["kind"]),
        (&"batch/v1".into(), &"CronJob".into())
    );
    assert!(cron["metadata"]["name"].is_string());
    knows(&cron["spec"], CRON_JOB);
    assert_eq!(
        cron["spec"]["schedule"]
            .as_str()
            .unwrap()
            .split(' ')
            .count(),
        5
    );
    assert!(
        ["Allow", "Forbid", "Replace"]
            .contains(&cron["spec"]["concurrencyPolicy"].as_str().unwrap())
    );
    let job = &cron["spec"]["jobTemplate"]["spec"];
    knows(job, JOB);
    let args = check_pod(&job["template"]);
    // The image has no git to read earlier revisions with, so the project is checked out at the last applied revision.
    assert!(!args.iter().any(|arg| arg == "--at"), "{args:?}");
    check_arguments(&args);
}

#[test]
fn the_indexed_job_is_one_that_kubernetes_takes_and_cuts_the_fleet_in_as_many_parts_as_it_has_pods()
{
    let job = document("indexed-job.yaml");
    assert_eq!(
        (&job["apiVersion"], &job["kind"]),
        (&"batch/v1".into(), &"Job".into())
    );
    let spec = &job["spec"];
    knows(spec, JOB);
    assert_eq!(
        spec["completionMode"], "Indexed",
        "backoffLimitPerIndex needs it"
    );
    let completions = spec["completions"].as_i64().unwrap();
    assert!(spec["maxFailedIndexes"].as_i64().unwrap() <= completions);
    let args = check_pod(&spec["template"]);
    assert!(args.contains(&format!("job/{completions}")), "{args:?}");
    check_arguments(&args);
}

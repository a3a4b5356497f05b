//! Loads and checks generated projects of 1,000, 10,000 and 100,000 resources, including source positions.
//!
//! Target: 10,000 resources in less than half a second on one core, with linear growth. `LOAD_ONCE=10000 cargo bench -p deskstate-model`
//! loads once and prints the time and the peak memory of the process.
#![expect(
    clippy::disallowed_macros,
    reason = "figures for the person who measures"
)]

use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use deskstate_model::load;

const PER_FILE: usize = 100;

const PROJECT: &str = "\
apiVersion: deskstate/v1
kind: Project
metadata: {name: generated}
spec:
  owns: {prefixes: [contoso]}
  defaults: {app: CustomerServiceApps, owner: {team: Desktop owners}}
  variables: {host: app.contoso.example, seconds: 30}
  environments:
    prod: {url: https://contoso.crm4.dynamics.com}
";

/// Writes a project with this many resources: tabs, sessions, notifications, scripts and providers that refer to each other.
fn generate(folder: &Path, resources: usize) {
    fs::create_dir_all(folder.join("manifests")).unwrap();
    fs::write(folder.join("deskstate.yaml"), PROJECT).unwrap();
    for file in 0..resources.div_ceil(PER_FILE) {
        let mut text = String::new();
        for number in (file * PER_FILE..resources).take(PER_FILE) {
            document(number, &mut text);
        }
        fs::write(folder.join(format!("manifests/{file:05}.yaml")), text).unwrap();
    }
}

fn document(number: usize, text: &mut String) {
    let group = number / 5;
    let head = |kind: &str, name: &str| {
        format!(
            "---\n# Number {number} of the project.\napiVersion: deskstate/v1\nkind: {kind}\nmetadata:\n  name: contoso_{name}{group}\n  labels: {{team: voice, number: \"{number}\"}}\nspec:\n  displayName: Number {number}\n"
        )
    };
    let body = match number % 5 {
        0 => format!(
            "{}  title: Orders of {{customerName}}\n  pageType: ThirdPartyWebsite\n  parameters:\n    url: https://${{{{ vars.host }}}}/search?q={{customerName}}\n    data: \"&n={number}\"\n",
            head("ApplicationTab", "tab")
        ),
        1 => format!(
            "{}  type: Generic\n  title: \"{{customerName}}\"\n  communicationPanelMode: Docked\n  anchorTab: contoso_tab{group}\n  applySessionTitleToAnchorTab: true\n  scripts: [contoso_script{group}]\n",
            head("SessionTemplate", "session")
        ),
        2 => format!(
            "{}  title: Call of {{customerName}}\n  timeoutSeconds: ${{{{ vars.seconds }}}}\n  showRejectButton: true\n  acceptButton: Accept\n  desktopNotifications: WhenInBackground\n  fields:\n    - header: Number\n      value: \"{{caseId}}\"\n    - header: Queue\n      value: \"{{queueId}}\"\n",
            head("NotificationTemplate", "notification")
        ),
        3 => format!(
            "{}  language: 1033\n  description: Script number {number}\n  steps:\n    - displayName: Greet\n      text: Good day, am I speaking to ${{customerName}}?\n    - displayName: Verify\n      text: |-\n        Ask for two of:\n        - date of birth\n        - postcode\n",
            head("AgentScript", "script")
        ),
        _ => format!(
            "{}  label: Phone {number}\n  channelUrl: https://phone.contoso.example/panel/{number}\n  trustedDomain: https://phone.contoso.example\n  enableOutboundCommunication: true\n  channelOrder: 1\n  customParameters:\n    region: eu\n    queues: [service, returns]\n",
            head("ChannelProvider", "provider")
        ),
    };
    let _ = text.write_str(&body);
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    for resources in [1_000, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path(), resources);
        group.throughput(Throughput::Elements(resources as u64));
        group.bench_function(BenchmarkId::from_parameter(resources), |bencher| {
            bencher.iter(|| black_box(load(folder.path(), None)));
        });
    }
    group.finish();
}

/// Returns the peak memory of the process, if the system provides it.
fn peak_memory() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .map(|amount| amount.trim().to_owned())
}

/// Returns the CPU time of the process, if the system provides it.
fn time_on_core() -> Option<Duration> {
    let statistics = fs::read_to_string("/proc/self/schedstat").ok()?;
    statistics
        .split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

fn once(resources: usize) {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), resources);
    let (start, before) = (Instant::now(), time_on_core());
    let (manifests, diagnostics) = load(folder.path(), None);
    let took = start.elapsed();
    let on_core = before
        .zip(time_on_core())
        .map_or(took, |(before, after)| after.saturating_sub(before));
    assert_eq!(
        (manifests.resources.len(), diagnostics.len()),
        (resources, 0)
    );
    let memory = peak_memory().unwrap_or_else(|| "unknown".to_owned());
    println!(
        "{resources} resources in {took:?}, {on_core:?} of it on a core, memory at most {memory}"
    );
}

criterion_group!(benches, loading);

fn main() {
    match std::env::var("LOAD_ONCE")
        .ok()
        .and_then(|number| number.parse().ok())
    {
        Some(resources) => once(resources),
        None => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}

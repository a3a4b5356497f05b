//! Measures single reads, a batch of 1,000 creates and a filter over 100,000 rows, over HTTP like a client, and the memory of 100,000 rows.
#![expect(
    clippy::disallowed_macros,
    reason = "figures for the person who measures"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use deskstate_emulator::{Config, Emulator, Scale};
use reqwest::Client;
use tokio::runtime::Runtime;

fn start(runtime: &Runtime, scale: Scale) -> (Emulator, Client, String) {
    // Criterion runs several benchmarks in one process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let emulator = runtime
        .block_on(Emulator::start(Config {
            scale,
            ..Config::default()
        }))
        .expect("started");
    let base = format!("{}/api/data/v9.2", emulator.url());
    (emulator, Client::new(), base)
}

async fn get(client: &Client, url: &str) -> usize {
    let response = client.get(url).send().await.expect("answer");
    assert!(response.status().is_success());
    response.bytes().await.expect("body").len()
}

fn single_reads(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("runtime");
    let (_emulator, client, base) = start(&runtime, Scale::default());
    let url = format!("{base}/systemusers(0c0f0000-0000-4000-8000-000000000a01)?$select=fullname");
    let mut group = criterion.benchmark_group("reads");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one row by its key", |bencher| {
        bencher.iter(|| runtime.block_on(get(&client, &url)))
    });
    group.finish();
}

fn changeset_of_creates(round: u64) -> String {
    let mut body = String::from("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n");
    for number in 0..1_000 {
        body.push_str(&format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\nPOST msdyn_notificationfields HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{{\"msdyn_name\":\"n\",\"msdyn_title\":\"t\",\"msdyn_uniquename\":\"contoso_{round}_{number}\"}}\r\n"
        ));
    }
    body.push_str("--c--\r\n--b--\r\n");
    body
}

fn batches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("runtime");
    let (_emulator, client, base) = start(&runtime, Scale::default());
    let mut round = 0;
    let mut group = criterion.benchmark_group("batches");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(1_000));
    group.bench_function("a changeset of 1,000 creates", |bencher| {
        bencher.iter(|| {
            round += 1;
            let request = client
                .post(format!("{base}/$batch"))
                .header("Content-Type", "multipart/mixed; boundary=b")
                .body(changeset_of_creates(round));
            let status = runtime.block_on(async { request.send().await.expect("answer").status() });
            assert_eq!(status.as_u16(), 200);
        });
    });
    group.finish();
}

fn filters(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("runtime");
    let (_emulator, client, base) = start(
        &runtime,
        Scale {
            agents: 100_000,
            sessions: 0,
        },
    );
    let mut group = criterion.benchmark_group("filters over 100,000 rows");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(100_000));
    for (name, filter) in [
        ("a scan", "contains(fullname,'99999')"),
        (
            "an index",
            "azureactivedirectoryobjectid eq 7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11",
        ),
    ] {
        let url = format!("{base}/systemusers?$select=fullname&$filter={filter}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(get(&client, &url)))
        });
    }
    group.finish();
}

/// Resident memory of this process in MiB (Linux).
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// Printed, not timed. Runs first, so that it cannot reuse memory that other benchmarks allocated.
fn memory(_: &mut Criterion) {
    let runtime = Runtime::new().expect("runtime");
    let with = |agents| {
        start(
            &runtime,
            Scale {
                agents,
                sessions: 0,
            },
        )
    };
    let small = with(0);
    let before = resident();
    let large = with(100_000);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("memory of 100,000 users: {:.0} MiB", after - before);
    }
    drop((small, large));
}

criterion_group!(benches, memory, single_reads, batches, filters);
criterion_main!(benches);

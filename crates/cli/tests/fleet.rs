//! `drift --all` over a fleet: failures are named, the rest is reported, and neither memory nor connections grow with the fleet.

use std::io::{BufRead, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::{self, Project, Server, applied, deskstate, says};

/// Number of environments that are checked at the same time.
const AT_ONCE: usize = 8;

/// A proxy for a server that counts simultaneous connections.
struct Counting {
    url: String,
    most: Arc<AtomicUsize>,
}

impl Counting {
    fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = server.url.trim_start_matches("http://").to_owned();
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&most);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (open, most) = (Arc::clone(&open), Arc::clone(&counted));
                let server = TcpStream::connect(&target).unwrap();
                std::thread::spawn(move || {
                    most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let back = {
                        let (server, client) =
                            (server.try_clone().unwrap(), client.try_clone().unwrap());
                        std::thread::spawn(move || pass(server, client))
                    };
                    pass(client, server);
                    drop(back.join());
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url, most }
    }
}

/// Copies everything from one end to the other, until either closes.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}

/// A server that is not Dataverse: it answers every request with this reply.
fn answers_always(reply: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                drop(client.read(&mut [0; 8192]));
                drop(client.write_all(reply.as_bytes()));
            });
        }
    });
    url
}

fn environment(name: &str, more: &str) -> String {
    format!(
        "    {name}:\n      variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}\n{more}"
    )
}

/// Runs a command to the end. Returns the result and the peak memory in KiB; `None` if the system does not report it.
fn measured(project: &Project, arguments: &[&str]) -> (support::Run, Option<u64>) {
    let mut child = deskstate(project.path())
        .args(["drift", "--all", "--concurrency", &AT_ONCE.to_string()])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watching = std::thread::spawn(move || {
        let mut most = None;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let peak = text
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))
                .and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
            if peak.is_none() {
                break;
            }
            most = most.max(peak);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        most
    });
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).unwrap();
        text
    });
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    let code = child.wait().unwrap().code();
    let run = support::Run {
        code,
        out: text,
        err: errors.join().unwrap(),
    };
    (run, watching.join().unwrap())
}

#[test]
fn of_a_fleet_of_fifty_the_five_that_are_broken_in_five_ways_are_named_and_the_others_are_reported()
{
    let (project, server) = applied();
    let second = Server::with_parameters(project.path(), false);
    let counting = Counting::before(&server);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = silent.local_addr().unwrap();
    drop(silent);
    let page = answers_always(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 16\r\nConnection: close\r\n\r\n<html>no</html>\n",
    );
    let refusing = answers_always(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 59\r\nConnection: close\r\n\r\n{\"error\":{\"code\":\"0x80072560\",\"message\":\"not a member\"}}\r\n",
    );
    let mut fleet = String::new();
    for number in 0..45 {
        let url = if number % 9 == 0 {
            &second.url
        } else {
            &counting.url
        };
        fleet.push_str(&environment(
            &format!("env{number:02}"),
            &format!("      url: \"{url}\"\n"),
        ));
    }
    fleet.push_str(&environment(
        "bad0",
        &format!("      url: \"http://{dead}\"\n"),
    ));
    fleet.push_str(&environment("bad1", &format!("      url: \"{page}\"\n")));
    fleet.push_str(&environment(
        "bad2",
        &format!(
            "      url: \"{}\"\n      organizationId: 0c0f0000-0000-4000-8000-0000000000f1\n",
            server.url
        ),
    ));
    fleet.push_str(&environment(
        "bad3",
        &format!("      url: \"{refusing}\"\n"),
    ));
    // Its manifests are invalid: the variable is missing.
    fleet.push_str(&format!("    bad4:\n      url: \"{}\"\n", server.url));
    project.set_environments(&fleet);
    let metrics = project.path().join("drift.prom");
    let (report, _) = measured(
        &project,
        &["--format", "json", "--metrics", metrics.to_str().unwrap()],
    );
    let report = report.ended(1);
    let json: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    let of = |wanted: &str| -> Vec<String> {
        let all = json["environments"].as_array().unwrap().iter();
        all.filter(|one| one["status"] == wanted)
            .map(|one| one["environment"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(of("inSync").len(), 40, "{}", report.out);
    assert_eq!(
        of("drift"),
        ["env00", "env09", "env18", "env27", "env36"],
        "the second server has nothing yet"
    );
    assert_eq!(of("failed"), ["bad0", "bad1", "bad2", "bad3", "bad4"]);
    let numbers = std::fs::read_to_string(metrics).unwrap();
    says(
        &numbers,
        &[
            "# TYPE deskstate_drift_up gauge",
            "deskstate_drift_up{environment=\"bad2\"} 0",
            "deskstate_drift_up{environment=\"env01\"} 1",
        ],
    );
    let most = counting.most.load(Ordering::SeqCst);
    assert!((1..=AT_ONCE).contains(&most), "{most} connections at once");
    let (matrix, _) = measured(&project, &[]);
    let matrix = matrix.ended(1);
    says(&matrix.out, &["environment", "result", "env44", "bad4"]);
    let (shard, _) = measured(&project, &["--shard", "1/10"]);
    says(&shard.out, &["bad0", "env05"]);
    assert!(!shard.out.contains("bad1"), "{}", shard.out);
}

#[test]
fn a_fleet_six_times_as_large_takes_hardly_more_memory() {
    let (project, server) = applied();
    // Enough text for the manifests to use noticeable memory.
    let padding = format!("# {}\n", "words of nobody ".repeat(64)).repeat(512);
    let file = project.read("manifests/templates.yaml");
    project.write("manifests/templates.yaml", &format!("{padding}{file}"));
    let peak = |size: usize| {
        let fleet: String = (0..size)
            .map(|number| {
                environment(
                    &format!("env{number:02}"),
                    &format!("      url: \"{}\"\n", server.url),
                )
            })
            .collect();
        project.set_environments(&fleet);
        let (run, peak) = measured(&project, &[]);
        run.ended(0);
        peak
    };
    if let (Some(few), Some(many)) = (peak(AT_ONCE), peak(AT_ONCE * 6)) {
        assert!(
            many < few + few / 4,
            "{few} KiB for {AT_ONCE}, {many} KiB for {}",
            AT_ONCE * 6
        );
    }
}

#[test]
fn one_emulator_serves_environments_that_share_no_row() {
    let project = Project::example("tenfold");
    let mut emulator = deskstate(project.path())
        .args(["emulator", "--listen", "127.0.0.1:0", "--environments", "3"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(emulator.stdout.take().unwrap()).lines();
    let urls: Vec<String> = lines.take(3).map(Result::unwrap).collect();
    let fleet = urls.iter().enumerate().map(|(number, url)| {
        environment(&format!("env{number}"), &format!("      url: \"{url}\"\n"))
    });
    project.set_environments(&fleet.collect::<String>());
    project.run(&["apply", "--env", "env1", "--yes"]).ended(0);
    for (name, said) in [
        ("env0", "5 to create"),
        ("env1", "matches the manifests"),
        ("env2", "5 to create"),
    ] {
        says(&project.run(&["plan", "--env", name]).out, &[said]);
    }
    emulator.kill().unwrap();
    emulator.wait().unwrap();
    let ports = [
        "emulator",
        "--listen",
        "127.0.0.1:65535",
        "--environments",
        "2",
    ];
    let run = project.run(&ports);
    says(&run.ended(1).err, &["there is no port after 65535"]);
}

#[test]
fn each_environment_has_a_recording_of_its_own_and_only_what_is_declared_for_it_is_in_sync() {
    let (first, second) = (Server::plain(), Server::plain());
    let tab = |name: &str, metadata: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_{name}{metadata}}}\nspec: {{displayName: T, title: T, pageType: Search}}\n"
        )
    };
    let manifests = [tab("a", ""), tab("b", ", environments: [b]")].join("---\n");
    let project = Project::desk(&first, "", "", &manifests);
    project.set_environments(&format!(
        "    a: {{url: \"{}\"}}\n    b: {{url: \"{}\"}}\n",
        first.url, second.url
    ));
    project.run(&["apply", "--env", "a", "--yes"]).ended(0);
    let all = ["drift", "--all", "--format", "json"];
    let live = project
        .run(&[&all[..], &["--record", "rec"]].concat())
        .ended(2);
    let again = project
        .run(&[&all[..], &["--replay", "rec"]].concat())
        .ended(2);
    let states = |text: &str| -> Vec<String> {
        let report: serde_json::Value = serde_json::from_str(text).unwrap();
        let environments = report["environments"].as_array().unwrap().iter();
        environments
            .map(|one| one["status"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(states(&live.out), ["inSync", "drift"]);
    assert_eq!(states(&again.out), ["inSync", "drift"]);
    let diff = ["diff", "--from", "a", "--to", "b", "--record", "both"];
    project.run(&diff).ended(2);
    let told = [
        "drift",
        "--env",
        "a",
        "--replay",
        "rec/a",
        "--metrics",
        "m.prom",
    ];
    says(
        &project.run(&told).ended(4).err,
        &["a recording does not show the current state of an environment"],
    );
    for part in [&told[..5], &[&told[..3], &told[5..]].concat()] {
        project.run(part).ended(0);
    }
    let chosen = project.run(&["drift", "--all", "contoso_b"]).ended(2);
    says(
        &chosen.err,
        &["a: nothing of the selection is declared for it"],
    );
    says(&chosen.out, &["1 environment: 0 in sync, 1 with drift"]);
    let shard = |shard: &str| project.run(&["drift", "--all", "--shard", shard, "contoso_b"]);
    shard("1/2").ended(0);
    shard("2/2").ended(2);
    // An undo file is no saved plan, and is not replaced by one.
    let undo = project.run(&["apply", "--env", "b", "--yes"]).ended(0);
    let undo = undo.out.split("deskstate undo --env b ").nth(1).unwrap();
    let undo = undo.split('`').next().unwrap();
    says(
        &project
            .run(&["plan", "--env", "b", "--out", undo])
            .ended(1)
            .err,
        &["exists and is not a saved plan"],
    );
}

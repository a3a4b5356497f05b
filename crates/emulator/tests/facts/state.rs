//! The state file: a killed process loses nothing that it confirmed, and the command exits successfully on SIGTERM.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::desk::{desk_of, field, send};
use deskstate_emulator::{Config, Scale};
use serde_json::json;

struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(state: &Path) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_deskstate-emulator"))
            .args(["--listen", "127.0.0.1:0"])
            .arg("--state")
            .arg(state)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("stdout"))
            .read_line(&mut url)
            .expect("ready line");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Process {
            child,
            url: url.trim().to_owned(),
        }
    }

    async fn create(&self, client: &reqwest::Client, name: &str) -> Option<u16> {
        let request = client.post(format!(
            "{}/api/data/v9.2/msdyn_notificationfields",
            self.url
        ));
        Some(
            request
                .body(field(name).to_string())
                .send()
                .await
                .ok()?
                .status()
                .as_u16(),
        )
    }

    async fn names(&self, client: &reqwest::Client) -> Vec<String> {
        let answer = send(client.get(format!(
            "{}/api/data/v9.2/msdyn_notificationfields?$select=msdyn_uniquename",
            self.url
        )))
        .await;
        answer
            .rows()
            .iter()
            .map(|row| row["msdyn_uniquename"].as_str().expect("name").to_owned())
            .collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already killed in some tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_keeps_every_row_that_it_confirmed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("folder");
    let state = folder.path().join("state.json");
    let mut confirmed: Vec<String> = Vec::new();
    for round in 0..3 {
        let mut process = Process::start(&state);
        let client = reqwest::Client::new();
        let kept = process.names(&client).await;
        for name in &confirmed {
            assert!(kept.contains(name), "{name} was lost in round {round}");
        }
        let writing = async {
            let mut done = Vec::new();
            for number in 0..10_000 {
                let name = format!("contoso_{round}_{number}");
                match process.create(&client, &name).await {
                    Some(204) => done.push(name),
                    _ => break,
                }
            }
            done
        };
        let killer = async {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            let id = process.child.id().to_string();
            let mut kill = if cfg!(windows) {
                let mut kill = Command::new("taskkill");
                kill.args(["/F", "/PID", &id]);
                kill
            } else {
                let mut kill = Command::new("kill");
                kill.args(["-9", &id]);
                kill
            };
            assert!(kill.status().expect("kill").success());
        };
        let (done, ()) = tokio::join!(writing, killer);
        assert!(!done.is_empty());
        confirmed.extend(done);
        process.child.wait().expect("dead");
    }
    let process = Process::start(&state);
    let kept = process.names(&reqwest::Client::new()).await;
    assert!(confirmed.iter().all(|name| kept.contains(name)));
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_the_command_with_success_and_a_saved_state() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("folder");
    let state = folder.path().join("deep/er/state.json");
    let mut process = Process::start(&state);
    assert_eq!(
        process.create(&reqwest::Client::new(), "contoso_a").await,
        Some(204)
    );
    assert!(
        Command::new("kill")
            .args(["-TERM", &process.child.id().to_string()])
            .status()
            .expect("kill")
            .success()
    );
    assert!(process.child.wait().expect("ended").success());
    assert!(
        std::fs::read_to_string(&state)
            .expect("state")
            .contains("contoso_a")
    );
}

#[tokio::test]
async fn a_dump_loads_into_another_emulator_with_the_same_versions() {
    let (one, two) = (
        desk_of(Config::default()).await,
        desk_of(Config::default()).await,
    );
    let id = one.field("contoso_a").await;
    let url = |desk: &crate::desk::Desk, endpoint: &str| {
        format!("{}/__emulator/{endpoint}", desk.emulator.url())
    };
    let dump = send(one.client.get(url(&one, "dump"))).await.text;
    send(two.client.post(url(&two, "load")).body(dump))
        .await
        .expect(204);
    let path = format!("msdyn_notificationfields({id})");
    assert_eq!(
        one.get(&path).await.json()["@odata.etag"],
        two.get(&path).await.json()["@odata.etag"]
    );
    send(two.client.post(url(&two, "reset"))).await.expect(204);
    two.get(&path).await.expect(404);
}

#[tokio::test]
async fn generated_agents_come_besides_the_seed() {
    let desk = desk_of(Config {
        scale: Scale {
            agents: 30,
            sessions: 5,
        },
        ..Config::default()
    })
    .await;
    let agents = desk
        .get("systemusers?$filter=startswith(domainname,'agent')&$count=true&$top=1")
        .await
        .json();
    assert_eq!(agents["@odata.count"], json!(30));
    assert_eq!(
        desk.get("msdyn_sessiontemplates?$filter=startswith(msdyn_uniquename,'scale')")
            .await
            .rows()
            .len(),
        5
    );
}

#[tokio::test]
async fn stopping_ends_although_a_client_keeps_its_connection() {
    let desk = desk_of(Config::default()).await;
    desk.get("WhoAmI").await.expect(200);
    let began = std::time::Instant::now();
    desk.emulator.stop().await.expect("stopped");
    assert!(began.elapsed() < std::time::Duration::from_secs(4));
}

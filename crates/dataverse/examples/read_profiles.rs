//! Reads the agent experience profiles of an environment, and the users of each, in one trip.
//!
//! ```text
//! cargo run -p deskstate-dataverse --example read_profiles -- https://contoso.crm.dynamics.com
//! ```
//!
//! Signs in with the `AZURE_*` variables if they are set, otherwise with the Azure CLI. If the server requires no sign-in (a local
//! emulator), none is sent.
#![expect(
    clippy::disallowed_macros,
    reason = "an example is a program of its own"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use deskstate_dataverse::{
    Browser, Connection, EnvironmentUrl, Error, Method, Prompt, Query, Reader, SignIn,
};
use uuid::Uuid;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: read_profiles URL");
        return ExitCode::FAILURE;
    };
    match profiles(&url).await {
        Ok(lines) => {
            println!("{}", lines.join("\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("  {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn profiles(url: &str) -> Result<Vec<String>, Error> {
    let url: EnvironmentUrl = url.parse()?;
    let variable = |name: &str| std::env::var(name).ok();
    let prompt = Prompt::new(|code| eprintln!("open {} and type {}", code.page, code.code));
    let browser = Browser::new(|page| eprintln!("open {page}"));
    let sign_in = SignIn::from_variables(Method::found(&variable), &variable, prompt, browser)?;
    let reader = Reader::open(&Connection::new(url, sign_in))?;

    let mut answers = reader
        .read(&[
            Query::rows("msdyn_appconfigurations").select(["msdyn_uniquename", "msdyn_name"]),
            Query::rows("msdyn_appconfiguration_systemuserset")
                .select(["msdyn_appconfigurationid", "systemuserid"]),
        ])
        .await?
        .into_iter();
    let (profiles, links) = match (answers.next(), answers.next()) {
        (Some(Ok(profiles)), Some(Ok(links))) => (profiles, links),
        (Some(Err(refused)), _) | (_, Some(Err(refused))) => return Ok(vec![refused.to_string()]),
        _ => return Ok(Vec::new()),
    };
    let mut users: BTreeMap<Uuid, usize> = BTreeMap::new();
    for link in &links {
        if let Some(profile) = link.uuid("msdyn_appconfigurationid") {
            *users.entry(profile).or_default() += 1;
        }
    }
    let mut lines: Vec<String> = profiles
        .into_iter()
        .map(|profile| {
            let assigned = profile
                .uuid("msdyn_appconfigurationid")
                .and_then(|id| users.get(&id).copied())
                .unwrap_or_default();
            format!(
                "{} ({}): {assigned} users",
                profile.text("msdyn_uniquename").unwrap_or("(none)"),
                profile.text("msdyn_name").unwrap_or("(no name)"),
            )
        })
        .collect();
    lines.sort();
    lines.push(format!("{} request(s)", reader.requests()));
    Ok(lines)
}

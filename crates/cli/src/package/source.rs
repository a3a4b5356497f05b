//! The source of a package: a folder or an archive, an address with a checksum, or a git repository with a commit. Used only by `package
//! add` and `package update`.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use deskstate_files::Limit;
use deskstate_model::{CHECKSUMS_FILE, PackageFiles, is_left_out, read_package_folder};
use reqwest::redirect::Policy;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::archive::{check_files, unpack};
use crate::error::Error;
use crate::git::{Git, GitError};
use crate::outbound::{self, AGENT};
use crate::output::plain;
use crate::paths::{shown_path, with_slashes};

/// Time limit for git to fetch a commit.
const FETCH: Duration = Duration::from_secs(300);
/// Time limit for a download.
const DOWNLOAD: Duration = Duration::from_secs(300);

/// Gets the files of a package from its source in `spec.packages`. Paths are relative to the project.
pub(crate) async fn fetch(from: &Value, root: &Path) -> Result<PackageFiles, Error> {
    let text = |word: &str| from.get(word).and_then(Value::as_str);
    if let Some(path) = from.as_str() {
        let path = root.join(path);
        return match path.is_dir() {
            true => folder(&path),
            false => {
                let bytes = read_archive(&path)?;
                unpack(&bytes, &shown_path(&path))
            }
        };
    }
    if let (Some(address), Some(sum)) = (text("https"), text("sha256")) {
        let bytes = download(address).await?;
        has_sum(&bytes, sum, &plain(address))?;
        return unpack(&bytes, &plain(address));
    }
    if let (Some(address), Some(commit)) = (text("git"), text("commit")) {
        return from_git(address, commit, text("path").unwrap_or_default(), root);
    }
    Err(Error::failed("the source of the package is incomplete"))
}

/// Fails unless a file is an archive with a checksum.
pub(crate) fn is_archive(path: &Path, sum: &str) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::Refused {
            message: "`--sha256` is the checksum of an archive, and a folder has none".to_owned(),
            hint: Some("leave it out, or name the archive".to_owned()),
        });
    }
    let bytes = read_archive(path)?;
    has_sum(&bytes, sum, &shown_path(path))
}

fn read_archive(path: &Path) -> Result<Vec<u8>, Error> {
    deskstate_files::read(path, Limit::PACKAGE).map_err(|problem| Error::File {
        what: "could not read",
        path: path.to_owned(),
        source: problem.into(),
    })
}

fn has_sum(bytes: &[u8], sum: &str, shown: &str) -> Result<(), Error> {
    let found = sha256(bytes);
    if found == sum {
        return Ok(());
    }
    Err(Error::Refused {
        message: format!(
            "{shown} has the SHA-256 {found}, and {} was expected; nothing was written",
            plain(sum)
        ),
        hint: Some("compare the checksum with the one that the vendor publishes".to_owned()),
    })
}

/// Reads the files of a package from a folder.
pub(crate) fn folder(path: &Path) -> Result<PackageFiles, Error> {
    let mut files = read_package_folder(path).map_err(|(file, why, help)| Error::Refused {
        message: format!(
            "{} cannot be part of a package: {}; nothing was written",
            shown_path(&path.join(file)),
            plain(&why)
        ),
        hint: Some(help.to_owned()),
    })?;
    files.remove(CHECKSUMS_FILE);
    check_files(&files, &shown_path(path))?;
    Ok(files)
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Downloads the bytes at an address. Redirects are followed to https only.
async fn download(address: &str) -> Result<Vec<u8>, Error> {
    let failed = |error: reqwest::Error| Error::Failed {
        message: format!(
            "could not download {}: {}",
            plain(address),
            plain(&error.without_url().to_string())
        ),
        hint: Some("download the archive yourself, and name the file".to_owned()),
    };
    let policy = Policy::custom(|attempt| {
        let is_safe = attempt.url().scheme() == "https" && attempt.previous().len() < 5;
        match is_safe {
            true => attempt.follow(),
            false => attempt.stop(),
        }
    });
    let http = outbound::builder()?
        .redirect(policy)
        .timeout(DOWNLOAD)
        .build()
        .map_err(failed)?;
    let request = http.get(address).header(reqwest::header::USER_AGENT, AGENT);
    let mut reply = request.send().await.map_err(failed)?;
    if !reply.status().is_success() {
        return Err(Error::failed(format!(
            "could not download {}: status {}",
            plain(address),
            reply.status().as_u16()
        )));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > Limit::PACKAGE.bytes() {
            return Err(Error::failed(format!(
                "{} is larger than {}",
                plain(address),
                Limit::PACKAGE
            )));
        }
    }
    Ok(bytes)
}

/// Reads the files of a folder in a commit, without a checkout.
fn from_git(address: &str, commit: &str, path: &str, root: &Path) -> Result<PackageFiles, Error> {
    let shown = format!("{} at {commit}", plain(address));
    let failed = |error: GitError| Error::Failed {
        message: format!("could not read {shown}: {error}"),
        hint: Some("check the address, the commit and your access with `git fetch`".to_owned()),
    };
    let refused = |message: String| Error::Refused {
        message: format!("{shown}: {message}; nothing was written"),
        hint: None,
    };
    let folder = tempfile::tempdir()?;
    let local = root.join(address);
    let address = match local.exists() {
        true => crate::paths::for_programs(&local)?
            .to_string_lossy()
            .into_owned(),
        false => address.to_owned(),
    };
    let git = Git::new(folder.path(), FETCH).map_err(failed)?;
    git.run(&["init", "--quiet"]).map_err(failed)?;
    git.fetch(&address, commit).map_err(failed)?;
    let path = path.trim_matches('/');
    let tree = format!("{commit}:{path}");
    let listed = git.run(&["ls-tree", "-r", "-z", &tree]).map_err(failed)?;
    let listed =
        String::from_utf8(listed).map_err(|_| refused("a name is not UTF-8".to_owned()))?;
    let mut files = PackageFiles::new();
    for line in listed.split_terminator('\0') {
        let Some((what, name)) = line.split_once('\t') else {
            continue;
        };
        let is_hidden = name.split('/').any(|part| part.starts_with('.'));
        if is_hidden || is_left_out(name) || name == CHECKSUMS_FILE {
            continue;
        }
        let mut words = what.split(' ');
        let (mode, _, id) = (words.next(), words.next(), words.next().unwrap_or_default());
        if !matches!(mode, Some("100644" | "100755")) {
            return Err(refused(format!("`{}` is a link", plain(name))));
        }
        let bytes = git.run(&["cat-file", "blob", id]).map_err(failed)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| refused(format!("`{}` is not UTF-8 text", plain(name))))?;
        files.insert(name.to_owned(), text);
    }
    check_files(&files, &shown)?;
    Ok(files)
}

/// A path in the form of the project file: relative to the project, with `/`.
pub(crate) fn relative_to(root: &Path, path: &Path) -> Result<String, Error> {
    let missing = |source| Error::File {
        what: "could not read",
        path: path.to_owned(),
        source,
    };
    let to = path.canonicalize().map_err(missing)?;
    let from = root.canonicalize()?;
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (from.components().collect(), to.components().collect());
    let common = from
        .iter()
        .zip(&to)
        .take_while(|(one, other)| one == other)
        .count();
    if common == 0 {
        // The path is on another Windows drive.
        return Ok(with_slashes(path));
    }
    let up = std::iter::repeat_n(Component::ParentDir, from.len() - common);
    let relative: PathBuf = up.chain(to[common..].iter().copied()).collect();
    Ok(with_slashes(&relative))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[tokio::test]
    async fn a_redirect_to_another_scheme_and_too_many_bytes_are_refused() {
        let server = MockServer::start().await;
        let put = async |at: &str, reply: ResponseTemplate| {
            Mock::given(path(at))
                .respond_with(reply)
                .mount(&server)
                .await;
        };
        put("/ok", ResponseTemplate::new(200).set_body_bytes(b"abc")).await;
        let away = format!("{}/ok", server.uri());
        let redirect = ResponseTemplate::new(302).insert_header("location", away.as_str());
        put("/away", redirect).await;
        let large = vec![0; (8 << 20) + 1];
        put("/large", ResponseTemplate::new(200).set_body_bytes(large)).await;
        let get = async |at: &str| download(&format!("{}{at}", server.uri())).await;
        assert_eq!(get("/ok").await.unwrap(), b"abc");
        assert!(
            get("/away")
                .await
                .unwrap_err()
                .to_string()
                .contains("status 302")
        );
        assert!(
            get("/large")
                .await
                .unwrap_err()
                .to_string()
                .contains("larger than 8 MiB")
        );
        assert!(
            get("/none")
                .await
                .unwrap_err()
                .to_string()
                .contains("status 404")
        );
        let from = serde_json::json!({"https": format!("{}/ok", server.uri()), "sha256": "0"});
        let error = fetch(&from, Path::new(".")).await.unwrap_err().to_string();
        assert!(error.contains("has the SHA-256 ba7816bf"), "{error}");
    }
}

# Installs a released deskstate into a folder, for Windows.
#
#   install.ps1 -Version VERSION -Folder FOLDER [-Sha256 SHA256]
#
# Downloads the archive, checks it against SHA256SUMS of the release, or against -Sha256 if you pass one, and puts the program into
# FOLDER\bin. Exits with 3 if there is no release or no archive for this system, so that the caller can compile instead; with 1 if something
# is wrong with what was downloaded. Nothing is left behind unless everything worked. Works with Windows PowerShell 5.1 and PowerShell 7.
param(
  [Parameter(Mandatory)] [string] $Version,
  [Parameter(Mandatory)] [string] $Folder,
  [string] $Sha256 = ""
)
$ErrorActionPreference = "Stop"
$ProgressPreference = "SilentlyContinue"
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

$releases = $env:DESKSTATE_RELEASES
if (-not $releases) { $releases = "https://github.com/deskstate/deskstate/releases/download" }

function Stop-With([string] $Message, [int] $Code = 1) {
  [Console]::Error.WriteLine("error: $Message")
  exit $Code
}

if ($Version -notmatch '^\d+\.\d+\.\d+([-+][0-9A-Za-z.]+)?$') { Stop-With "``$Version`` is not a version; write one such as 0.1.0" }
if ($env:PROCESSOR_ARCHITECTURE -ne "AMD64") { Stop-With "there is no release for Windows on $env:PROCESSOR_ARCHITECTURE" 3 }

$work = Join-Path ([IO.Path]::GetTempPath()) ("deskstate-" + [Guid]::NewGuid())
New-Item -ItemType Directory -Path $work | Out-Null
try {
  # True if the file was downloaded, false if it does not exist.
  function Get-ReleaseFile([string] $Name) {
    try {
      Invoke-WebRequest -UseBasicParsing -Uri "$releases/v$Version/$Name" -OutFile (Join-Path $work $Name)
      return $true
    } catch {
      $response = $_.Exception.Response
      if ($response -and [int] $response.StatusCode -eq 404) { return $false }
      Stop-With "could not download $releases/v$Version/${Name}: $($_.Exception.Message)"
    }
  }

  $archive = $null
  foreach ($target in "x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu") {
    if (Get-ReleaseFile "deskstate-$Version-$target.zip") { $archive = "deskstate-$Version-$target.zip"; break }
  }
  if (-not $archive) { Stop-With "the release v$Version has no archive for Windows" 3 }

  if (-not $Sha256) {
    if (-not (Get-ReleaseFile "SHA256SUMS")) { Stop-With "the release v$Version has no SHA256SUMS, so the archive cannot be checked" }
    foreach ($line in Get-Content (Join-Path $work "SHA256SUMS")) {
      $fields = $line -split '\s+\*?', 2
      if ($fields[1] -eq $archive) { $Sha256 = $fields[0] }
    }
    if (-not $Sha256) { Stop-With "SHA256SUMS of the release v$Version does not list $archive" }
  }
  $actual = (Get-FileHash -Algorithm SHA256 (Join-Path $work $archive)).Hash
  if ($actual -ne $Sha256) { Stop-With "$archive has the SHA-256 $actual, but $Sha256 was expected" }

  $unpacked = Join-Path $work "unpacked"
  try { Expand-Archive -Path (Join-Path $work $archive) -DestinationPath $unpacked } catch { Stop-With "$archive cannot be unpacked: $($_.Exception.Message)" }
  $program = Join-Path (Join-Path $unpacked ([IO.Path]::GetFileNameWithoutExtension($archive))) "deskstate.exe"
  if (-not (Test-Path $program)) { Stop-With "$archive does not contain deskstate.exe" }
  & $program --version | Out-Null
  if ($LASTEXITCODE -ne 0) { Stop-With "the program in $archive does not start on this system" }

  $bin = Join-Path $Folder "bin"
  New-Item -ItemType Directory -Force -Path $bin | Out-Null
  Move-Item -Force $program (Join-Path $bin "deskstate.exe")
  & (Join-Path $bin "deskstate.exe") --version
  exit 0
} finally {
  Remove-Item -Recurse -Force $work -ErrorAction SilentlyContinue
}

//! Computes and carries out the changes between desired manifests and a live Dataverse environment.

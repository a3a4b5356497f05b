//! The behavior of Dataverse according to its public documentation. Each test names the section of the facts that it checks.

mod actions;
mod administration;
mod ages;
mod aggregates;
mod batches;
mod clients;
mod custom_tables;
mod desk;
mod faults;
mod functions;
mod pages;
mod product;
mod properties;
mod queries;
mod recorded;
mod routing;
mod rules;
mod security;
mod state;
mod switches;
mod writes;

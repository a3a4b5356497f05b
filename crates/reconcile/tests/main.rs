//! Plans, exports and undos over rows that a test makes by hand, without HTTP, in one program: to link one for each file took longer than to run them.

mod accepted;
mod adopt;
mod adopted_lists;
mod contract_checks;
mod coverage;
mod cutting;
mod export_law;
mod looks;
mod lookups;
mod part_order;
mod planned_rows;
mod planned_sets;
mod pruned;
mod reviewed_model;
mod roles;
mod solution;
mod support;
mod traps;
mod undone;

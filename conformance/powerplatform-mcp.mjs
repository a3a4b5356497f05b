// powerplatform-mcp, as published, against the emulator: the services behind its tools.
//
// It signs in at Microsoft's own authority, which cannot be set, so it is handed a token as if it had one already.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { PowerPlatformClient } from "powerplatform-mcp/build/powerplatform-client.js";
import * as services from "powerplatform-mcp/build/services/index.js";

const organizationUrl = process.env.EMULATOR_URL;
const tenantId = "0c0f0000-0000-4000-8000-00000000000a";
const clientId = "0c0f0000-0000-4000-8000-000000000a02";

const answer = await fetch(`${organizationUrl}/${tenantId}/oauth2/v2.0/token`, {
	method: "POST",
	body: new URLSearchParams({
		grant_type: "client_credentials",
		client_id: clientId,
		client_secret: "emulator-secret",
		scope: `${organizationUrl}/.default`,
	}),
});
const client = new PowerPlatformClient({ organizationUrl, tenantId, clientId, clientSecret: "emulator-secret" });
client.accessToken = (await answer.json()).access_token;
client.tokenExpirationTime = Date.now() + 3_000_000;
// what is refused on purpose is not worth a message
console.error = () => {};

const entities = new services.EntityService(client);
const records = new services.RecordService(client);
const options = new services.OptionSetService(client);
const solutions = new services.SolutionService(client);
const roles = new services.SecurityRoleService(client, solutions);
const views = new services.FormViewService(client);

const checks = [];
const check = (name, run) => checks.push({ name, run });

check("a table's metadata have what the tools show", async () => {
	const metadata = await entities.getEntityMetadata("msdyn_sessiontemplate");
	assert.equal(metadata.EntitySetName, "msdyn_sessiontemplates");
	assert.equal(metadata.PrimaryNameAttribute, "msdyn_name");
	assert.equal(metadata.DisplayName.UserLocalizedLabel.Label, "Session Template");
	assert.equal("Privileges" in metadata, false);
	assert.equal(metadata.HasActivities, false);
});

check("columns are listed with their types and levels", async () => {
	const { value } = await entities.getEntityAttributes("msdyn_sessiontemplate");
	const title = value.find((column) => column.LogicalName === "msdyn_title");
	assert.equal(title.AttributeType, "String");
	assert.ok(["None", "Recommended", "ApplicationRequired", "SystemRequired"].includes(title.RequiredLevel.Value));
	const one = await entities.getEntityAttribute("msdyn_sessiontemplate", "msdyn_title");
	assert.equal(one.LogicalName, "msdyn_title");
	assert.equal(one.AttributeOf, null);
});

check("relationships are listed from both ends", async () => {
	const many = await entities.getEntityManyToManyRelationships("msdyn_sessiontemplate");
	const tabs = many.value.find((item) => item.SchemaName === "msdyn_sessiontemplate_applicationtab");
	assert.equal(tabs.Entity2LogicalName, "msdyn_applicationtabtemplate");
	const one = await entities.getEntityOneToManyRelationships("businessunit");
	const parent = one.value.find((item) => item.ReferencingAttribute === "parentbusinessunitid");
	assert.equal(parent.ReferencingEntity, "businessunit");
	assert.equal(typeof parent.CascadeConfiguration.Assign, "string");
});

check("an unknown table is refused by its name", async () => {
	await assert.rejects(entities.getEntityMetadata("cfg_nothing"), /cfg_nothing/);
});

check("a global choice lists its options", async () => {
	const found = await options.getGlobalOptionSet("msdyn_appcopilotconfiguration_msdyn_copilotfeature");
	assert.ok(found.Options.some((option) => option.Value === 829050000));
});

check("a row lives through create, read, query, update and delete", async () => {
	const name = `mcp ${randomUUID()}`;
	const { entityId } = await records.createRecord("accounts", { name });
	assert.equal((await records.getRecord("accounts", entityId)).name, name);
	const found = await records.queryRecords("accounts", `name eq '${name}'`);
	assert.deepEqual(found.value.map((row) => row.accountid), [entityId]);
	await records.updateRecord("accounts", entityId, { description: "changed" });
	assert.equal((await records.getRecord("accounts", entityId)).description, "changed");
	await records.deleteRecord("accounts", entityId);
	await assert.rejects(records.getRecord("accounts", entityId), /Does Not Exist/);
});

check("links are made once and taken away", async () => {
	const field = (name) => ({ msdyn_name: name, msdyn_uniquename: name, msdyn_title: name });
	const suffix = randomUUID().slice(0, 8);
	const template = await records.createRecord("msdyn_notificationtemplates", {
		msdyn_name: "T",
		msdyn_uniquename: `contoso_t${suffix}`,
		msdyn_title: "T",
	});
	const one = await records.createRecord("msdyn_notificationfields", field(`contoso_f${suffix}`));
	const link = ["msdyn_notificationtemplates", template.entityId, "msdyn_notificationtemplate_notificationfield"];
	await records.associateRecords(...link, "msdyn_notificationfields", one.entityId);
	await assert.rejects(
		records.associateRecords(...link, "msdyn_notificationfields", one.entityId),
		/A record with matching key values already exists/,
	);
	await records.disassociateRecords(...link, one.entityId);
	await assert.rejects(records.disassociateRecords(...link, one.entityId));
	await records.deleteRecord("msdyn_notificationtemplates", template.entityId);
	await records.deleteRecord("msdyn_notificationfields", one.entityId);
});

check("publishers and solutions are listed without the platform's own", async () => {
	const publishers = (await solutions.getPublishers()).value.map((row) => row.uniquename);
	assert.ok(publishers.includes("contoso") && !publishers.includes("dynamics365customerservice"));
	const listed = (await solutions.getSolutions()).value;
	assert.ok(listed.some((row) => row.uniquename === "ContosoDesk"));
	assert.ok(listed.every((row) => row.isvisible));
	assert.equal((await solutions.getSolution("ContosoDesk")).uniquename, "ContosoDesk");
	assert.equal(await solutions.getSolution("Nothing"), null);
});

check("components of a solution are listed", async () => {
	const components = await solutions.getSolutionComponents("ContosoDesk");
	assert.ok(Array.isArray(components.value));
	await assert.rejects(solutions.getSolutionComponents("Nothing"), /not found/);
});

check("privileges of a role are read by their assignments", async () => {
	const found = await records.queryRecords("roles", "name eq 'App Profile Manager Administrator' and _parentrootroleid_value ne null");
	const role = found.value.find((row) => row.roleid === row._parentrootroleid_value) ?? found.value[0];
	const { value } = await roles.getSecurityRolePrivileges(role.roleid);
	assert.ok(value.some((privilege) => privilege.name === "prvReadmsdyn_appconfiguration"));
});

check("forms and views of a table are listed", async () => {
	const found = await views.getEntityViews("contact");
	assert.ok(found.some((view) => view.name === "Active Contacts"), JSON.stringify(found));
	const forms = await views.getEntityForms("incident");
	assert.ok(forms.some((form) => form.name === "Case"), JSON.stringify(forms));
});

let failed = 0;
for (const { name, run } of checks) {
	try {
		await run();
		console.log(`ok - ${name}`);
	} catch (error) {
		failed += 1;
		console.log(`not ok - ${name}: ${error.message.split("\n")[0]}`);
	}
}
process.exit(failed === 0 ? 0 : 1);

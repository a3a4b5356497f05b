// dynamics-web-api, as published, against the emulator.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { DynamicsWebApi } from "dynamics-web-api";

const serverUrl = process.env.EMULATOR_URL;
const tenant = "0c0f0000-0000-4000-8000-00000000000a";
const administration = "0c0f0000-0000-4000-8000-000000000a02";

async function token(application) {
	const answer = await fetch(`${serverUrl}/${tenant}/oauth2/v2.0/token`, {
		method: "POST",
		body: new URLSearchParams({
			grant_type: "client_credentials",
			client_id: application,
			client_secret: "emulator-secret",
			scope: `${serverUrl}/.default`,
		}),
	});
	const body = await answer.json();
	if (!answer.ok) throw new Error(body.error_description);
	return body.access_token;
}

const api = new DynamicsWebApi({
	serverUrl,
	dataApi: { version: "9.2" },
	onTokenRefresh: () => token(administration),
});

const checks = [];
const check = (name, run) => checks.push({ name, run });

/** The error that a request ends with. */
async function refused(promise) {
	let answer;
	try {
		answer = await promise;
	} catch (error) {
		return error;
	}
	throw new Error(`not refused; the answer is ${JSON.stringify(answer)}`);
}

const account = (data) => api.create({ collection: "accounts", data });
const read = (key, select, more = {}) => api.retrieve({ collection: "accounts", key, select, ...more });
const remove = (collection, ...keys) =>
	Promise.all(keys.map((key) => api.deleteRecord({ collection, key })));
const named = async (prefix) =>
	(
		await api.retrieveMultiple({
			collection: "accounts",
			select: ["name"],
			filter: `startswith(name,'${prefix}')`,
			orderBy: ["name asc"],
		})
	).value.map((row) => row.name);

check("a request without a token is refused", async () => {
	const nobody = new DynamicsWebApi({ serverUrl, dataApi: { version: "9.2" } });
	const error = await refused(nobody.retrieveMultiple({ collection: "accounts" }));
	assert.equal(error.status, 401);
});

check("a token that is no longer accepted is refreshed by whoever asks for it", async () => {
	await fetch(`${serverUrl}/__emulator/sign-in/revoke`, { method: "POST" });
	const me = await api.callFunction("WhoAmI");
	assert.match(me.UserId, /^[0-9a-f-]{36}$/);
});

check("a row is created, read, updated and deleted", async () => {
	const key = await account({ name: "Node 1", numberofemployees: 3 });
	assert.match(key, /^[0-9a-f-]{36}$/);
	await api.update({ collection: "accounts", key, data: { name: "Node one" } });
	const row = await read(key, ["name", "numberofemployees"]);
	assert.deepEqual([row.name, row.numberofemployees, row.accountid], ["Node one", 3, key]);
	await remove("accounts", key);
	assert.equal((await refused(read(key, ["name"]))).status, 404);
});

check("a created row is returned where that is preferred", async () => {
	const row = await api.create({
		collection: "accounts",
		data: { name: "Node returned" },
		returnRepresentation: true,
		select: ["name", "statecode"],
	});
	assert.deepEqual([row.name, row.statecode], ["Node returned", 0]);
	const updated = await api.update({
		collection: "accounts",
		key: row.accountid,
		data: { name: "Node returned twice" },
		returnRepresentation: true,
		select: ["name"],
	});
	assert.equal(updated.name, "Node returned twice");
	await remove("accounts", row.accountid);
});

check("upserts create, update, and are held back by conditions", async () => {
	const key = randomUUID();
	const upsert = (name, more = {}) => api.upsert({ collection: "accounts", key, data: { name }, ...more });
	const created = await upsert("Node upsert", { returnRepresentation: true, select: ["name"] });
	assert.equal(created.accountid, key);
	await upsert("Node upserted");
	assert.equal((await read(key, ["name"])).name, "Node upserted");
	// the library answers null where a condition holds the upsert back
	assert.equal(await upsert("Never", { ifnonematch: "*" }), null);
	assert.equal(await api.upsert({ collection: "accounts", key: randomUUID(), data: { name: "x" }, ifmatch: "*" }), null);
	assert.equal((await read(key, ["name"])).name, "Node upserted");
	await remove("accounts", key);
});

check("upserts address rows by alternate key", async () => {
	const key = "msdyn_uniquename='contoso_node'";
	const upsert = (name) =>
		api.upsert({
			collection: "msdyn_notificationfields",
			key,
			data: { msdyn_name: name, msdyn_title: "Customer" },
			returnRepresentation: true,
		});
	const first = await upsert("A");
	const second = await upsert("B");
	assert.equal(first.msdyn_notificationfieldid, second.msdyn_notificationfieldid);
	assert.deepEqual([second.msdyn_uniquename, second.msdyn_name], ["contoso_node", "B"]);
	await api.deleteRecord({ collection: "msdyn_notificationfields", key });
});

check("etags guard updates and deletes", async () => {
	const key = await account({ name: "Node etag" });
	const before = (await read(key, ["name"]))["@odata.etag"];
	assert.match(before, /^W\/"\d+"$/);
	assert.equal(await api.update({ collection: "accounts", key, data: { name: "Node etag 2" }, ifmatch: before }), true);
	// the library answers false where the version is another
	assert.equal(await api.update({ collection: "accounts", key, data: { name: "Never" }, ifmatch: before }), false);
	assert.equal(await api.deleteRecord({ collection: "accounts", key, ifmatch: before }), false);
	const row = await read(key, ["name"]);
	assert.equal(row.name, "Node etag 2");
	// and nothing where it is the same
	assert.equal(await read(key, ["name"], { ifnonematch: row["@odata.etag"] }), undefined);
	await api.deleteRecord({ collection: "accounts", key, ifmatch: row["@odata.etag"] });
});

check("single properties are written and cleared", async () => {
	const key = await account({ name: "Node property" });
	await api.updateSingleProperty({ collection: "accounts", key, fieldValuePair: { telephone1: "+4" } });
	assert.equal((await read(key, ["telephone1"])).telephone1, "+4");
	await api.deleteRecord({ collection: "accounts", key, property: "telephone1" });
	assert.equal((await read(key, ["telephone1"])).telephone1, null);
	await remove("accounts", key);
});

check("deep inserts make their children", async () => {
	const key = await account({ name: "Node deep", primarycontactid: { firstname: "Deep", lastname: "Insert" } });
	const row = await read(key, ["name"], {
		expand: [{ property: "primarycontactid", select: ["fullname", "lastname"] }],
	});
	assert.equal(row.primarycontactid.lastname, "Insert");
	await remove("accounts", key);
	await remove("contacts", row.primarycontactid.contactid);
});

check("lookups are set and emptied by reference", async () => {
	const [key, contact] = [
		await account({ name: "Node lookup" }),
		await api.create({ collection: "contacts", data: { lastname: "Lookup" } }),
	];
	await api.associateSingleValued({
		collection: "accounts",
		primaryKey: key,
		navigationProperty: "primarycontactid",
		relatedCollection: "contacts",
		relatedKey: contact,
	});
	const select = ["_primarycontactid_value"];
	const row = await read(key, select, { includeAnnotations: "*" });
	assert.equal(row._primarycontactid_value, contact);
	assert.equal(row["_primarycontactid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "contact");
	assert.equal(
		row["_primarycontactid_value@OData.Community.Display.V1.FormattedValue"],
		"Lookup",
	);
	await api.disassociateSingleValued({
		collection: "accounts",
		primaryKey: key,
		navigationProperty: "primarycontactid",
	});
	assert.equal((await read(key, select))._primarycontactid_value, null);
	await remove("accounts", key);
	await remove("contacts", contact);
});

check("rows are linked, read back with their links, and unlinked", async () => {
	const template = await api.create({
		collection: "msdyn_sessiontemplates",
		data: { msdyn_uniquename: "contoso_nodeSession", msdyn_name: "Node", msdyn_sessiontype: 0, msdyn_type: false },
	});
	const tab = await api.create({
		collection: "msdyn_applicationtabtemplates",
		data: {
			msdyn_uniquename: "contoso_nodeTab",
			msdyn_name: "Node",
			msdyn_title: "Node",
			msdyn_pagetype: 509180004,
		},
	});
	const link = {
		collection: "msdyn_sessiontemplates",
		primaryKey: template,
		relationshipName: "msdyn_sessiontemplate_applicationtab",
		relatedKey: tab,
	};
	await api.associate({ ...link, relatedCollection: "msdyn_applicationtabtemplates" });
	const tabs = async () =>
		(
			await api.retrieve({
				collection: "msdyn_sessiontemplates",
				key: template,
				select: ["msdyn_uniquename"],
				expand: [{ property: "msdyn_sessiontemplate_applicationtab", select: ["msdyn_uniquename"] }],
			})
		).msdyn_sessiontemplate_applicationtab.map((row) => row.msdyn_uniquename);
	assert.deepEqual(await tabs(), ["contoso_nodeTab"]);
	const again = await refused(api.associate({ ...link, relatedCollection: "msdyn_applicationtabtemplates" }));
	assert.equal(again.code, "0x80040237");
	await api.disassociate(link);
	assert.deepEqual(await tabs(), []);
	await remove("msdyn_sessiontemplates", template);
	await remove("msdyn_applicationtabtemplates", tab);
});

check("queries select, filter, order, count and expand", async () => {
	const keys = await Promise.all(
		[1, 2, 3, 4].map((number) => account({ name: `Query ${number}`, numberofemployees: number })),
	);
	const answer = await api.retrieveMultiple({
		collection: "accounts",
		select: ["name", "numberofemployees"],
		filter: "startswith(name,'query') and numberofemployees ge 2",
		orderBy: ["numberofemployees desc"],
		count: true,
		includeAnnotations: "OData.Community.Display.V1.FormattedValue",
	});
	assert.equal(answer["@odata.count"], 3);
	assert.deepEqual(answer.value.map((row) => row.numberofemployees), [4, 3, 2]);
	assert.equal(answer.value[0]["numberofemployees@OData.Community.Display.V1.FormattedValue"], "4");
	const top = await api.retrieveMultiple({
		collection: "accounts",
		filter: "startswith(name,'Query')",
		orderBy: ["name"],
		top: 1,
	});
	assert.deepEqual(top.value.map((row) => row.name), ["Query 1"]);
	assert.equal(await api.count({ collection: "accounts", filter: "startswith(name,'Query')" }), 4);
	await remove("accounts", ...keys);
});

check("pages are followed by their links", async () => {
	const keys = await Promise.all(
		Array.from({ length: 12 }, (_, number) => account({ name: `Page ${String(number).padStart(2, "0")}` })),
	);
	const request = {
		collection: "accounts",
		select: ["name"],
		filter: "startswith(name,'Page ')",
		orderBy: ["name"],
		maxPageSize: 5,
	};
	const sizes = [];
	const names = [];
	let link;
	do {
		const page = await api.retrieveMultiple(request, link);
		sizes.push(page.value.length);
		names.push(...page.value.map((row) => row.name));
		link = page["@odata.nextLink"];
	} while (link);
	assert.deepEqual(sizes, [5, 5, 2]);
	assert.deepEqual(names, [...names].sort());
	assert.equal((await api.retrieveAll(request)).value.length, 12);
	const fetchXml =
		'<fetch count="5"><entity name="account"><attribute name="name"/><order attribute="name"/>' +
		'<filter><condition attribute="name" operator="like" value="Page %"/></filter></entity></fetch>';
	const first = await api.fetch({ collection: "accounts", fetchXml, pageNumber: 1, includeAnnotations: "*" });
	assert.equal(first.value.length, 5);
	const second = await api.fetch({
		collection: "accounts",
		fetchXml,
		pageNumber: first.PagingInfo.nextPage,
		pagingCookie: first.PagingInfo.cookie,
		includeAnnotations: "*",
	});
	assert.deepEqual(second.value.map((row) => row.name), names.slice(5, 10));
	// without annotations the service says nothing of further pages
	assert.equal((await api.fetchAll({ collection: "accounts", fetchXml })).value.length, 5);
	const all = await api.fetchAll({ collection: "accounts", fetchXml, includeAnnotations: "*" });
	assert.deepEqual(all.value.map((row) => row.name), names);
	await remove("accounts", ...keys);
});

check("a batch of reads and writes answers in order", async () => {
	const key = await account({ name: "Node batch" });
	api.startBatch();
	api.create({ collection: "accounts", data: { name: "Node batch 2" }, inChangeSet: false });
	api.retrieve({ collection: "accounts", key, select: ["name"] });
	api.retrieveMultiple({ collection: "accounts", select: ["name"], filter: "startswith(name,'Node batch')" });
	api.count({ collection: "accounts", filter: "startswith(name,'Node batch')" });
	api.deleteRecord({ collection: "accounts", key, inChangeSet: false });
	const [created, row, rows, count] = await api.executeBatch();
	assert.equal(row.name, "Node batch");
	assert.equal(rows.value.length, 2);
	assert.equal(count, 2);
	await remove("accounts", created);
});

check("a changeset with references is kept whole", async () => {
	api.startBatch();
	api.create({ collection: "contacts", data: { lastname: "Referred" }, contentId: "1" });
	api.create({
		collection: "accounts",
		data: { name: "Node changeset", "primarycontactid@odata.bind": "$1" },
		contentId: "2",
	});
	api.update({ collection: "$2", data: { telephone1: "+7" } });
	const [contact, key] = await api.executeBatch();
	const row = await read(key, ["_primarycontactid_value", "telephone1"]);
	assert.deepEqual([row._primarycontactid_value, row.telephone1], [contact, "+7"]);
	await remove("accounts", key);
	await remove("contacts", contact);
});

check("a changeset that fails leaves nothing", async () => {
	api.startBatch();
	api.create({ collection: "accounts", data: { name: "Node poisoned" } });
	api.create({ collection: "accounts", data: { name: "x".repeat(161) } });
	const errors = await refused(api.executeBatch());
	const [error] = Array.isArray(errors) ? errors : [errors];
	assert.deepEqual([error.status, error.error.code], [400, "0x80044331"]);
	assert.deepEqual(await named("Node poisoned"), []);
});

check("a stale etag fails its changeset", async () => {
	const key = await account({ name: "Node stale" });
	const stale = (await read(key, ["name"]))["@odata.etag"];
	await api.update({ collection: "accounts", key, data: { name: "Node stale 2" } });
	api.startBatch();
	api.create({ collection: "accounts", data: { name: "Node stale 3" } });
	api.update({ collection: "accounts", key, data: { name: "Never" }, ifmatch: stale });
	const errors = await refused(api.executeBatch());
	const [error] = Array.isArray(errors) ? errors : [errors];
	assert.equal(error.status, 412);
	assert.deepEqual(await named("Node stale"), ["Node stale 2"]);
	await remove("accounts", key);
});

check("a batch that goes on after an error answers what it could", async () => {
	api.startBatch();
	api.retrieve({ collection: "accounts", key: randomUUID(), select: ["name"] });
	api.retrieveMultiple({ collection: "accounts", select: ["name"], filter: "startswith(name,'Adventure')" });
	const answers = await api.executeBatch({ continueOnError: true });
	assert.equal(answers[0].status, 404);
	assert.equal(answers[1].value.length, 1);
});

check("a query with a long URL is sent as a batch", async () => {
	const many = Array.from({ length: 60 }, () => `accountid eq ${randomUUID()}`).join(" or ");
	const answer = await api.retrieveMultiple({
		collection: "accounts",
		select: ["name"],
		filter: `startswith(name,'Adventure') or ${many}`,
	});
	assert.deepEqual(answer.value.map((row) => row.name), ["Adventure Works"]);
});

check("bulk actions take many rows", async () => {
	const bulk = (actionName, rows) =>
		api.callAction({
			collection: "accounts",
			actionName: `Microsoft.Dynamics.CRM.${actionName}`,
			action: { Targets: rows.map((row) => ({ "@odata.type": "Microsoft.Dynamics.CRM.account", ...row })) },
		});
	const { Ids } = await bulk("CreateMultiple", [{ name: "Node bulk 1" }, { name: "Node bulk 2" }]);
	assert.equal(Ids.length, 2);
	await bulk("UpdateMultiple", Ids.map((accountid) => ({ accountid, telephone1: "+8" })));
	const rows = await Promise.all(Ids.map((key) => read(key, ["telephone1"])));
	assert.deepEqual(rows.map((row) => row.telephone1), ["+8", "+8"]);
	await remove("accounts", ...Ids);
});

check("metadata describes tables, columns, choices and relationships", async () => {
	const tables = await api.retrieveEntities({
		select: ["LogicalName", "EntitySetName"],
		filter: "LogicalName eq 'account'",
	});
	assert.deepEqual(tables.value.map((table) => table.EntitySetName), ["accounts"]);
	const table = await api.retrieveEntity({
		key: "LogicalName='account'",
		select: ["PrimaryIdAttribute", "IsOptimisticConcurrencyEnabled"],
		expand: [{ property: "Attributes", select: ["LogicalName"] }],
	});
	assert.equal(table.PrimaryIdAttribute, "accountid");
	assert.ok(table.Attributes.some((column) => column.LogicalName === "name"));
	const choices = await api.retrieveAttributes({
		entityKey: "LogicalName='account'",
		castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
		select: ["LogicalName"],
		expand: [{ property: "OptionSet", select: ["Options"] }],
	});
	const industry = choices.value.find((column) => column.LogicalName === "industrycode");
	assert.equal(industry.OptionSet.Options[0].Value, 1);
	const csdl = await api.retrieveCsdlMetadata();
	assert.match(csdl, /<EntityType Name="account"/);
});

check("errors carry Dataverse's code, and more when asked", async () => {
	const error = await refused(account({ name: "x".repeat(161) }));
	assert.deepEqual([error.status, error.code], [400, "0x80044331"]);
	const unknown = await refused(api.retrieveMultiple({ collection: "nonsenses" }));
	assert.equal(unknown.status, 404);
	const column = await refused(api.retrieveMultiple({ collection: "accounts", filter: "nonsense eq 1" }));
	assert.equal(column.status, 400);
});

check("callers may stand in for another user", async () => {
	const { value } = await api.retrieveMultiple({
		collection: "systemusers",
		select: ["systemuserid"],
		filter: "domainname eq 'ada@contoso.com'",
	});
	const ada = value[0].systemuserid;
	const error = await refused(api.create({ collection: "accounts", data: { name: "Never" }, impersonate: ada }));
	assert.deepEqual([error.status, error.code], [403, "0x80040220"]);
});

let failed = 0;
for (const { name, run } of checks) {
	try {
		await run();
		console.log(`ok - ${name}`);
	} catch (error) {
		failed += 1;
		console.log(`not ok - ${name}: ${error.message?.replaceAll("\n", " ") ?? JSON.stringify(error)}`);
		if (process.env.CONFORMANCE_TRACE) console.log(error);
	}
}
process.exitCode = failed ? 1 : 0;

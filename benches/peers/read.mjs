// dynamics-web-api: reads every row of three tables and compares two columns with what is wanted.

import { readFileSync } from "node:fs";
import { DynamicsWebApi } from "dynamics-web-api";

const serverUrl = process.env.EMULATOR_URL;
const tenant = "0c0f0000-0000-4000-8000-00000000000a";

async function token() {
	const answer = await fetch(`${serverUrl}/${tenant}/oauth2/v2.0/token`, {
		method: "POST",
		body: new URLSearchParams({
			grant_type: "client_credentials",
			client_id: "0c0f0000-0000-4000-8000-000000000a02",
			client_secret: "emulator-secret",
			scope: `${serverUrl}/.default`,
		}),
	});
	return (await answer.json()).access_token;
}

const api = new DynamicsWebApi({ serverUrl, dataApi: { version: "9.2" }, onTokenRefresh: token });
const wanted = JSON.parse(readFileSync(process.argv[2], "utf8"));
let rows = 0;
let different = 0;
for (const [table, rest] of Object.entries(wanted)) {
	const select = ["msdyn_uniquename", "msdyn_name", "msdyn_title"];
	const found = await api.retrieveAll({ collection: `${table}s`, select, maxPageSize: 5000 });
	for (const row of found.value) {
		// The product's own rows are nobody's here.
		const expected = rest[row.msdyn_uniquename];
		if (!expected) continue;
		rows += 1;
		if (row.msdyn_name !== expected[0] || row.msdyn_title !== expected[1]) different += 1;
	}
}
console.log(`${rows} rows, ${different} different`);

/* SPDX-License-Identifier: Apache-2.0
 * Documents made of the route table: OpenAPI 3.1 and the middle of lugdunum-api(7). */
#include "base/cleanup.h"
#include "http/route.h"

static json_t *parameters(const char *path)
{
	json_t *list = json_array();
	for (const char *p = path; list && (p = strchr(p, '{')); p++) {
		size_t len = strcspn(p + 1, "}");
		if (json_array_append_new(list, json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name",
							  p + 1, len, "in", "path", "required", 1,
							  "schema", "type", "string")) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *roles_json(uint32_t roles)
{
	json_t *list = json_array();
	for (uint32_t bit = 1; list && bit < API_ANY_ROLE; bit <<= 1)
		if ((roles & bit) &&
		    json_array_append_new(list, json_string(api_role_name(bit))) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static const char *body_type(enum api_body body)
{
	switch (body) {
	case API_NO_BODY:
		return NULL;
	case API_JSON_BODY:
		return "application/json";
	case API_RAW_BODY:
		return "application/octet-stream";
	}
	return NULL;
}

static json_t *operation(const struct api_route *route)
{
	static const char reply[] = "{s:{s:s, s:{s:{s:{}}}}, s:{s:s, s:{s:{s:{s:s}}}}}";
	json_t *o = json_pack(
		"{s:s, s:s, s:o, s:o, s:s, s:o}", "operationId", route->name, "summary", route->doc,
		"parameters", parameters(route->path), "x-roles", roles_json(route->roles),
		"x-audit", route_audit_name(route->audit), "responses",
		json_pack(reply, "200", "description", "Done", "content", "application/json",
			  "schema", "default", "description", "Refused or failed", "content",
			  "application/json", "schema", "$ref", "#/components/schemas/Error"));
	const char *type = body_type(route->body);
	if (o && type &&
	    json_object_set_new(o, "requestBody",
				json_pack("{s:b, s:{s:{s:{}}}, s:I}", "required", 1, "content",
					  type, "schema", "x-limit-bytes",
					  (json_int_t)route->body_max)) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int add_operation(json_t *paths, const struct api_route *route)
{
	char method[8];
	size_t len = 0;
	for (const char *m = route_method_name(route->method); *m && len < sizeof(method) - 1; m++)
		method[len++] = (char)(*m | 0x20);
	method[len] = 0;
	json_t *item = json_object_get(paths, route->path);
	if (!item) {
		item = json_object();
		if (json_object_set_new(paths, route->path, item) < 0)
			return -ERR_NOMEM;
	}
	return json_object_set_new(item, method, operation(route)) < 0 ? -ERR_NOMEM : 0;
}

static json_t *error_schema(void)
{
	static const char *const members[] = {"code", "field", "message", "remedy"};
	json_t *properties = json_object();
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_set_new(properties, members[i],
					json_pack("{s:s}", "type", "string")) < 0) {
			json_decref(properties);
			return NULL;
		}
	return json_pack("{s:{s:{s:s, s:{s:{s:s, s:o}}}}}", "schemas", "Error", "type", "object",
			 "properties", "error", "type", "object", "properties", properties);
}

json_t *route_openapi(const struct api_route *routes, size_t n, enum api_listener listener)
{
	_cleanup_(json_decrefp) json_t *paths = json_object();
	for (size_t i = 0; paths && i < n; i++)
		if (routes[i].listener == listener && add_operation(paths, &routes[i]) < 0)
			return NULL;
	return json_pack("{s:s, s:{s:s, s:s}, s:O, s:o}", "openapi", "3.1.0", "info", "title",
			 listener == API_PEER ? "Lugdunum, between nodes"
					      : "Lugdunum, for the people of a node",
			 "version", LUG_VERSION, "paths", paths, "components", error_schema());
}

static void print_roles(uint32_t roles, struct buf *out)
{
	const char *between = "";
	if (roles == API_ANY_ROLE) {
		buf_str(out, "any officer");
		return;
	}
	for (uint32_t bit = 1; bit < API_ANY_ROLE; bit <<= 1)
		if (roles & bit) {
			buf_printf(out, "%s%s", between, api_role_name(bit));
			between = ", ";
		}
}

void route_print_man(const struct api_route *routes, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct api_route *r = &routes[i];
		buf_printf(out, "*%s %s*\n\t%s. ", route_method_name(r->method), r->path, r->doc);
		if (r->listener == API_PEER)
			buf_str(out, "Between nodes.");
		else if (r->listener == API_LINK)
			buf_str(out, "Whoever has the link.");
		else
			print_roles(r->roles, out);
		buf_str(out, r->listener == API_PEOPLE ? "." : "");
		if (r->body != API_NO_BODY)
			buf_printf(out, " Body: %s, at most %zu bytes.", body_type(r->body),
				   r->body_max);
		if (r->audit != API_AUDIT_NONE)
			buf_printf(out, " Audit: %s.",
				   r->audit == API_AUDIT_OWN ? "its own events"
							     : route_audit_name(r->audit));
		buf_str(out, "\n\n");
	}
}

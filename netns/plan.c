/* netns/plan.c: from annotations to what is asked of the network, and which namespace that means. Pure. */
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/json_write.h"
#include "base/text.h"
#include "netns/netns.h"
#include "netns/plan.h"
#include "spec/spec.h"

#define WHERE       "annotations[\"" NET_ANNOTATION "\"]"
#define RATE_WHERE  "annotations[\"" NET_RATE_ANNOTATION "\"]"
#define PORTS_WHERE "annotations[\"" NET_PORTS_ANNOTATION "\"]"

const char *net_asks_container(const struct spec *spec, struct arena *arena)
{
	struct net_request request;
	struct faults faults;

	faults_init(&faults, arena, NULL);
	net_request_parse(spec_annotation(spec, NET_ANNOTATION), WHERE, &request, &faults);
	return request.mode == NET_CONTAINER && faults.count == 0 ? request.what : NULL;
}

/* ---- namespaces ---- */

/* What only links of ours can have. */
static void refuse_details(const struct spec *spec, enum net_mode mode, struct faults *faults)
{
	if (spec_annotation(spec, NET_PORTS_ANNOTATION) && mode != NET_LINKS && mode != NET_PASTA)
		faults_add(faults, PORTS_WHERE,
			"ports can be published of a container in a bridge network, or with pasta, only");
	if (spec_annotation(spec, NET_RATE_ANNOTATION) && mode != NET_LINKS)
		faults_add(faults, RATE_WHERE, "only the links of a container in a bridge network can be limited");
}

/* Those of a container that shares the host's network are the host's. */
static void refuse_sysctls(const struct spec *spec, struct faults *faults)
{
	for (size_t i = 0; i < spec->linux_.sysctl_count; i++)
		if (strncmp(spec->linux_.sysctl[i].key, "net.", 4) == 0 ||
			strncmp(spec->linux_.sysctl[i].key, "net/", 4) == 0)
			faults_add(faults,
				arena_printf(faults->arena, "linux.sysctl[\"%s\"]", spec->linux_.sysctl[i].key),
				"would change the host's value: the network is \"host\"");
}

static void contradict(const struct spec_namespace_request *network, const char *asked, struct faults *faults)
{
	faults_add(faults, WHERE, "asks for %s, but linux.namespaces joins the network namespace %s", asked,
		network->path);
}

const char *net_asks_pasta(const struct spec *spec, struct faults *faults)
{
	struct net_request request;

	net_request_parse(spec_annotation(spec, NET_ANNOTATION), WHERE, &request, faults);
	if (request.mode != NET_PASTA)
		return NULL;
	return request.what ? request.what : "";
}

void net_settle_namespaces(struct spec *spec, const char *peer, struct arena *arena, struct faults *faults)
{
	struct spec_namespace_request *network = &spec->linux_.namespaces[SPEC_NS_NETWORK];
	struct net_request request;
	const char *path;

	net_request_parse(spec_annotation(spec, NET_ANNOTATION), WHERE, &request, faults);
	refuse_details(spec, request.mode, faults);
	if (request.mode == NET_UNCHANGED || faults->count)
		return;
	path = request.mode == NET_PATH         ? arena_strdup(arena, request.what)
		: request.mode == NET_CONTAINER ? peer
						: NULL;
	if (network->path && (!path || strcmp(path, network->path) != 0)) {
		contradict(network, spec_annotation(spec, NET_ANNOTATION), faults);
		return;
	}
	network->given = request.mode != NET_HOST;
	network->path = path;
	if (request.mode == NET_HOST)
		refuse_sysctls(spec, faults);
}

/* ---- what is made ---- */

static bool makes_links(const struct net_request *request)
{
	return request->mode == NET_LINKS;
}

void net_plan_make(const struct spec *spec, bool unprivileged, struct arena *arena, struct net_plan **ret_plan,
	struct faults *faults)
{
	const struct spec_namespace_request *network = &spec->linux_.namespaces[SPEC_NS_NETWORK];
	const char *ports = spec_annotation(spec, NET_PORTS_ANNOTATION);
	const char *rates = spec_annotation(spec, NET_RATE_ANNOTATION);
	struct net_plan *plan = ARENA_NEW(arena, struct net_plan);

	*ret_plan = NULL;
	net_request_parse(spec_annotation(spec, NET_ANNOTATION), WHERE, &plan->request, faults);
	if (!makes_links(&plan->request))
		return;
	if (unprivileged)
		faults_add(faults, WHERE, "only root can make links on the host; others have --network pasta");
	else if (!network->given || network->path)
		faults_add(faults, WHERE, "needs a network namespace of the container's own");
	if (ports)
		plan->port_count = ports_parse(ports, PORTS_WHERE, arena, &plan->ports, faults);
	if (rates)
		rates_parse(rates, RATE_WHERE, arena, &plan->rates, faults);
	*ret_plan = plan;
}

/* ---- for a reader ---- */

static const char *address_or(const struct subnet *subnet, char buf[SUBNET_TEXT])
{
	return ip_text(&subnet->ip, buf);
}

void net_plan_say(const struct net_plan *plan, struct text *text)
{
	char ip[SUBNET_TEXT], port[PORT_TEXT];

	for (size_t i = 0; i < plan->request.link_count; i++) {
		const struct net_link_request *link = &plan->request.links[i];
		if (link->kind == NET_BRIDGE)
			text_add(text, "  join the network \"%s\"", link->name);
		else
			text_add(text, "  share the link %s by a %s", link->name, net_link_names[link->kind]);
		if (link->interface)
			text_add(text, " as %s", link->interface);
		for (size_t v = 0; v < 2; v++)
			if (link->ip[v].ip.len)
				text_add(text, ", address %s", address_or(&link->ip[v], ip));
		text_add(text, "\n");
	}
	for (size_t i = 0; i < plan->port_count; i++)
		text_add(text, "  publish %s\n", port_text(&plan->ports[i], port));
	if (plan->rates.in)
		text_add(text, "  limit what it receives to %" PRIu64 " bytes a second\n", plan->rates.in);
	if (plan->rates.out)
		text_add(text, "  limit what it sends to %" PRIu64 " bytes a second\n", plan->rates.out);
}

void net_plan_write(const struct net_plan *plan, struct json_writer *w)
{
	char ip[SUBNET_TEXT], port[PORT_TEXT];

	json_array(w, "networks");
	for (size_t i = 0; i < plan->request.link_count; i++) {
		const struct net_link_request *link = &plan->request.links[i];
		json_object(w, NULL);
		json_string(w, "kind", net_link_names[link->kind]);
		json_string(w, link->kind == NET_BRIDGE ? "network" : "parent", link->name);
		if (link->interface)
			json_string(w, "interface", link->interface);
		json_array(w, "addresses");
		for (size_t v = 0; v < 2; v++)
			if (link->ip[v].ip.len)
				json_string(w, NULL, address_or(&link->ip[v], ip));
		json_array_end(w);
		json_object_end(w);
	}
	json_array_end(w);
	json_array(w, "ports");
	for (size_t i = 0; i < plan->port_count; i++)
		json_string(w, NULL, port_text(&plan->ports[i], port));
	json_array_end(w);
	json_uint(w, "rateIn", plan->rates.in);
	json_uint(w, "rateOut", plan->rates.out);
}

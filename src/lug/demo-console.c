/* SPDX-License-Identifier: Apache-2.0
 * The demo with --keep: officers are enrolled for the consoles, and a night is played, so that each desk has something on it:
 * what rings, what waits, what was asked, answered and refused, in the languages of those who write. */
#include "lug/demo-play.h"

enum { NIGHT_STEPS_MAX = 3 };

/* One request of the night. Steps are made by the receiver's duty officer, after the delivery. */
struct night {
	enum demo_node_id from, to;
	const char *type, *class, *reference, *offence, *law, *facts, *necessity;
	bool draft, approve;
	const char *steps[NIGHT_STEPS_MAX][4]; /* verb and options of lug request */
};

static const struct night nights[] = {
	{DEMO_FR,
	 DEMO_IT,
	 "FREEZE",
	 "FLASH",
	 "PN 2026/4471",
	 "account-takeover",
	 "art. 323-1 C. pénal",
	 "Compte d’entreprise détourné à 01 h 40. Les fonds ont été convertis et déposés il y a neuf minutes sur une plateforme établie "
	 "en Italie. Le retrait est demandé mais pas encore exécuté.",
	 "Le retrait peut partir à tout moment.",
	 false,
	 true,
	 {{NULL}}},
	{DEMO_JP,
	 DEMO_IT,
	 "INFO",
	 "URGENT",
	 "警組 2026-118",
	 "investment-fraud",
	 "刑法第246条",
	 "偽の投資サイトに誘導された被害者47名。送金先の取引所口座の名義人について、貴国の取引所が本人確認記録を保有している可能性がある。",
	 "口座が近日中に解約されるおそれがある。",
	 false,
	 false,
	 {{"ack"}}},
	{DEMO_FR,
	 DEMO_IT,
	 "IDENTIFY",
	 "PRIORITY",
	 "PN 2026/4390",
	 "drugs",
	 "art. 222-37 C. pénal",
	 "Adresse de paiement d’un point de vente en ligne de stupéfiants de synthèse. Les dépôts se regroupent chez un dépositaire italien.",
	 "Identification du titulaire avant l’audience du 30.",
	 false,
	 false,
	 {{"ack"}, {"accept"}}},
	{DEMO_IT,
	 DEMO_FR,
	 "PRESERVE",
	 "PRIORITY",
	 "RM 2026/000121",
	 "extortion",
	 "art. 629 c.p.",
	 "Minacce via messaggistica con richiesta di riscatto. Il conto di destinazione è presso un prestatore francese.",
	 "I registri di accesso vengono cancellati dopo 30 giorni.",
	 false,
	 false,
	 {{"ack"},
	  {"clarify", "--text", "S’agit-il du seul compte principal ou aussi des sous-comptes ?"}}},
	{DEMO_IT,
	 DEMO_JP,
	 "INFO",
	 "ROUTINE",
	 "RM 2026/000097",
	 "theft",
	 "art. 640-ter c.p.",
	 "Furto di credenziali di un portafoglio digitale. Una parte dei fondi è passata da un cambio giapponese nel 2024.",
	 "Serve a completare il quadro dei movimenti.",
	 false,
	 false,
	 {{"ack"}, {"refuse", "--ground", "not-held"}}},
	{DEMO_JP,
	 DEMO_FR,
	 "IDENTIFY",
	 "URGENT",
	 "警組 2026-121",
	 "ransomware",
	 "刑法第249条",
	 "病院の電子カルテを暗号化した事件。身代金の一部がフランスの事業者に入金された。",
	 "次回の支払期限が本日中である。",
	 false,
	 false,
	 {{"ack"}, {"accept"}, {NULL}}},
	{DEMO_FR,
	 DEMO_JP,
	 "FREEZE",
	 "URGENT",
	 "PN 2026/4402",
	 "laundering",
	 "art. 324-1 C. pénal",
	 "Produit d’une escroquerie en bande organisée, suivi jusqu’à un dépôt chez une plateforme japonaise.",
	 "Le compte est actif cette nuit.",
	 false,
	 true,
	 {{NULL}}},
	{DEMO_IT,
	 DEMO_FR,
	 "FREEZE",
	 "URGENT",
	 "RM 2026/000126",
	 "ransomware",
	 "art. 629 c.p.",
	 "Seconda tranche del riscatto, arrivata poco fa allo stesso deposito in Francia.",
	 "Può essere prelevata nella notte.",
	 false,
	 false,
	 {{NULL}}},
	{DEMO_IT,
	 DEMO_JP,
	 "ADVICE",
	 "ROUTINE",
	 "RM 2026/000127",
	 "proliferation",
	 "art. 270-quinquies c.p.",
	 "Quale misura si può adottare prima della rogatoria per un conto con beneficiario schermato?",
	 "Per preparare la richiesta formale.",
	 true,
	 false,
	 {{NULL}}},
};

static const struct {
	const char *authority, *language, *unit;
} people[DEMO_NODES] = {{"Polizia Postale", "it", "sala operativa, Roma"},
			{"Police nationale", "fr", "permanence, Paris"},
			{"警察庁", "ja", "当直, 東京"}};

/* ---- the night ---- */

static json_t *request_json(struct play *p, const struct night *n, size_t number)
{
	struct demo *d = &p->d;
	json_t *o = json_pack(
		"{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s}",
		"type", n->type, "class", n->class, "to", node_name(p, n->to), "case", n->reference,
		"authority", "name", people[n->from].authority, "unit", people[n->from].unit,
		"country", d->node[n->from].country, "offence", "code", n->offence, "text", n->law,
		"facts", n->facts, "link", n->law, "necessity", n->necessity, "language",
		people[n->from].language, "reply_language", people[n->from].language);
	json_t *asset = json_deep_copy(p->deposit);
	bool wants_asset = !strcmp(n->type, "FREEZE") || !strcmp(n->type, "IDENTIFY");
	if (o && wants_asset && asset) {
		json_object_set_new(asset, "path",
				    json_sprintf("%zu hops from the victim's payment", number + 2));
		json_object_set_new(o, "assets", json_pack("[O]", asset));
	}
	json_decref(asset);
	return o;
}

struct waiting {
	struct play *play;
	const struct night *night;
	const char *id;
};

static int has_arrived(struct demo *d, void *arg, struct err *e)
{
	const struct waiting *w = arg;
	json_t *j = NULL;
	struct err none = {0};
	int r = demo_as(d, w->night->to, OFFICER, (const char *[]){"request", "show", w->id, NULL},
			&j, &none);
	return r == -ERR_NOENT ? 0 : r < 0 ? err_set(e, r, NULL, "%s", none.message) : 1;
}

static int make_steps(struct play *p, const struct night *n, const char *id, struct err *e)
{
	struct waiting w = {p, n, id};
	int r = n->steps[0][0] ? demo_wait(&p->d, DELIVER_MS, has_arrived, &w, e) : 0;
	for (int i = 0; r >= 0 && i < NIGHT_STEPS_MAX && n->steps[i][0]; i++)
		r = demo_as(&p->d, n->to, OFFICER,
			    (const char *[]){"request", n->steps[i][0], id, n->steps[i][1],
					     n->steps[i][2], NULL},
			    NULL, e);
	return r;
}

static int play_request(struct play *p, size_t number, struct err *e)
{
	struct demo *d = &p->d;
	const struct night *n = &nights[number];
	_cleanup_(json_decrefp) json_t *body = request_json(p, n, number);
	_cleanup_(freep) char *text = body ? json_text(body) : NULL;
	const char *file = arena_printf(&d->arena, "night-%zu.json", number);
	json_t *made = NULL;
	int r = text && file ? demo_save(d, file, text, e) : -ERR_NOMEM;
	if (r >= 0)
		r = demo_as(d, n->from, OFFICER,
			    (const char *[]){"request", "new", "--json-file",
					     demo_path(d, "%s", file), n->draft ? "--draft" : NULL,
					     NULL},
			    &made, e);
	if (r >= 0 && n->approve)
		r = demo_as(d, n->from, APPROVER,
			    (const char *[]){"request", "approve", demo_str(made, "id"), "--hash",
					     demo_str(made, "content_sha256"), NULL},
			    NULL, e);
	return r < 0 ? r : make_steps(p, n, demo_str(made, "id"), e);
}

/* ---- signing in ---- */

static int enrol(struct play *p, enum demo_node_id n, const char *officer, struct sign_in *ret,
		 struct err *e)
{
	json_t *j = NULL;
	int r = demo_as(&p->d, n, OFFICER, (const char *[]){"officer", "enrol", officer, NULL}, &j,
			e);
	*ret = (struct sign_in){demo_str(j, "password"), demo_str(j, "code_secret")};
	return r;
}

static const char *console_url(const struct play *p, enum demo_node_id n)
{
	struct demo *d = (struct demo *)(uintptr_t)&p->d;
	return arena_printf(&d->arena, "https://localhost:%d/v1/sign-in?language=%s",
			    d->node[n].console_port, people[n].language);
}

static int save_consoles(struct play *p, struct err *e)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	for (int i = 0; i < DEMO_NODES; i++)
		for (int k = 0; k < 2; k++)
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "node",
						node_name(p, (enum demo_node_id)i), "url",
						console_url(p, (enum demo_node_id)i), "pid",
						(int)p->d.node[i].pid, "folder", p->d.node[i].dir,
						"language", people[i].language, "officer",
						k ? APPROVER : OFFICER, "password",
						p->sign_in[i][k].password, "secret",
						p->sign_in[i][k].secret));
	_cleanup_(freep) char *text = json_text(list);
	return text ? demo_save(&p->d, "consoles.json", text, e) : -ERR_NOMEM;
}

int play_console(struct play *p, struct err *e)
{
	int r = 0;
	for (int i = 0; r >= 0 && i < DEMO_NODES; i++) {
		r = enrol(p, (enum demo_node_id)i, OFFICER, &p->sign_in[i][0], e);
		if (r >= 0)
			r = enrol(p, (enum demo_node_id)i, APPROVER, &p->sign_in[i][1], e);
	}
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(nights); i++)
		r = play_request(p, i, e);
	if (r >= 0)
		r = play_watch(p, e);
	return r < 0 ? r : save_consoles(p, e);
}

void console_print(const struct play *p)
{
	puts("\nThe consoles (the certificates are the nodes' own: the browser asks once):\n");
	for (int i = 0; i < DEMO_NODES; i++) {
		printf("  %-6s %s\n", p->d.node[i].city, console_url(p, (enum demo_node_id)i));
		for (int k = 0; k < 2; k++)
			printf("         %-13s password %s   code: %s/lug officer code %s\n",
			       k ? APPROVER : OFFICER, p->sign_in[i][k].password, p->d.bin,
			       p->sign_in[i][k].secret);
	}
}

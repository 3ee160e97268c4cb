/* SPDX-License-Identifier: Apache-2.0
 * The sentences that people are rung with, in five languages. They name class, country, reference and a telephone number; nothing of a
 * case can get in, since no other field of a request is passed here. */
#include "duty/notify.h"
#include <string.h>

/* In each: {1} class, {2} country, {3} reference, {4} telephone number or no_phone. */
struct language {
	const char *tag;
	const char *text[NOTIFY_WHATS];
	const char *no_phone;
};
static const struct language languages[] = {
	{"en",
	 {[NOTIFY_IN] = "{1} request from {2}, reference {3}: a human must answer now.",
	  [NOTIFY_OUT] = "{1} to {2}, reference {3}: nobody has answered there. Call {4}.",
	  [NOTIFY_SILENT] = "{1} to {2}, reference {3}: their node has not got it. Call {4}.",
	  [NOTIFY_CONTACT] = "{1} request from {2}, reference {3}, waits at your duty desk.",
	  [NOTIFY_WATCH] = "The node of {2} is silent. Call {4}.",
	  [NOTIFY_DRILL] = "DRILL: {1} from {2}, reference {3}: please answer."},
	 "their contact point"},
	{"fr",
	 {[NOTIFY_IN] = "Demande {1} de {2}, référence {3} : réponse humaine immédiate.",
	  [NOTIFY_OUT] = "{1} vers {2}, référence {3} : personne n'a répondu. Appelez {4}.",
	  [NOTIFY_SILENT] =
		  "{1} vers {2}, référence {3} : leur nœud ne l'a pas reçue. Appelez {4}.",
	  [NOTIFY_CONTACT] = "Demande {1} de {2}, référence {3}, en attente à votre permanence.",
	  [NOTIFY_WATCH] = "Le nœud de {2} est muet. Appelez {4}.",
	  [NOTIFY_DRILL] = "EXERCICE : {1} de {2}, référence {3} : répondez, s'il vous plaît."},
	 "leur point de contact"},
	{"it",
	 {[NOTIFY_IN] = "Richiesta {1} da {2}, riferimento {3}: serve una risposta umana adesso.",
	  [NOTIFY_OUT] = "{1} verso {2}, riferimento {3}: nessuno ha risposto. Chiamare {4}.",
	  [NOTIFY_SILENT] =
		  "{1} verso {2}, riferimento {3}: il loro nodo non l'ha ricevuta. Chiamare {4}.",
	  [NOTIFY_CONTACT] =
		  "Richiesta {1} da {2}, riferimento {3}, in attesa presso il vostro turno.",
	  [NOTIFY_WATCH] = "Il nodo di {2} tace. Chiamare {4}.",
	  [NOTIFY_DRILL] = "ESERCITAZIONE: {1} da {2}, riferimento {3}: si prega di rispondere."},
	 "il loro punto di contatto"},
	{"de",
	 {[NOTIFY_IN] = "{1}-Ersuchen aus {2}, Zeichen {3}: ein Mensch muss jetzt antworten.",
	  [NOTIFY_OUT] = "{1} an {2}, Zeichen {3}: dort hat niemand geantwortet. Rufen Sie {4} an.",
	  [NOTIFY_SILENT] = "{1} an {2}, Zeichen {3}: deren Knoten hat es nicht. Rufen Sie {4} an.",
	  [NOTIFY_CONTACT] = "{1}-Ersuchen aus {2}, Zeichen {3}, wartet an Ihrem Dauerdienst.",
	  [NOTIFY_WATCH] = "Der Knoten von {2} schweigt. Rufen Sie {4} an.",
	  [NOTIFY_DRILL] = "ÜBUNG: {1} aus {2}, Zeichen {3}: bitte antworten."},
	 "deren Kontaktstelle"},
	{"ja",
	 {[NOTIFY_IN] = "{2}からの{1}要請、番号{3}：直ちに人が応答してください。",
	  [NOTIFY_OUT] = "{2}宛ての{1}、番号{3}：先方は未応答です。電話：{4}。",
	  [NOTIFY_SILENT] = "{2}宛ての{1}、番号{3}：先方のノードに届いていません。電話：{4}。",
	  [NOTIFY_CONTACT] = "{2}からの{1}要請、番号{3}が貴当直で待機中です。",
	  [NOTIFY_WATCH] = "{2}のノードが応答しません。電話：{4}。",
	  [NOTIFY_DRILL] = "訓練：{2}からの{1}、番号{3}：応答してください。"},
	 "先方の窓口"},
};

static const struct language *pick(const struct roster_languages *l)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < ARRAY_LEN(languages); k++)
			if (!strncmp(l->list[i], languages[k].tag, 2) &&
			    (!l->list[i][2] || l->list[i][2] == '-'))
				return &languages[k];
	return &languages[0];
}

/* Puts the four values into the places that a sentence names; the sentences are ours, so other signs stand for themselves. */
static void fill(const char *fmt, const char *const values[4], char *out, size_t size)
{
	size_t n = 0;
	while (*fmt && n + 1 < size) {
		if (fmt[0] != '{') {
			out[n++] = *fmt++;
			continue;
		}
		for (const char *v = values[fmt[1] - '1']; *v && n + 1 < size; v++)
			out[n++] = *v;
		fmt += 3;
	}
	out[n] = 0;
}

void notify_text(enum notify_what what, const struct roster_languages *list, const char *reference,
		 const char *class, const char *country, const char *phone,
		 char out[static NOTIFY_TEXT_MAX + 1])
{
	const struct language *l = pick(list);
	const char *const values[4] = {class, country, reference, phone[0] ? phone : l->no_phone};
	fill(l->text[what], values, out, NOTIFY_TEXT_MAX + 1);
}

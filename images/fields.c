/* images/fields.c: see the header. */
#include "images/fields.h"

#include "base/error.h"
#include "images/digest.h"
#include "spec/json.h"

void decode_digest(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct error err = { 0 };

	if (value->kind != JSON_STRING)
		decode_expected(value, decoder, "a digest");
	else if (digest_parse(value->text, field_at(field, object), &err) < 0)
		decode_fault(value, decoder, "%s", err.what);
}

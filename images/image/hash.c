#include "images/image/hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/error.h"

struct hash {
	enum digest_algorithm algorithm;
	EVP_MD_CTX *context;
	bool failed;
};

int hash_new(enum digest_algorithm algorithm, struct hash **ret, struct error *err)
{
	struct hash *hash = calloc(1, sizeof(*hash));

	if (!hash)
		return error_sys(err, ENOMEM, "compute a digest");
	hash->algorithm = algorithm == DIGEST_NONE ? DIGEST_SHA256 : algorithm;
	(void)OPENSSL_init_crypto(
		OPENSSL_INIT_NO_LOAD_CONFIG, NULL); /* it would look for files that the sandbox hides */
	hash->context = EVP_MD_CTX_new();
	if (!hash->context ||
		!EVP_DigestInit_ex(hash->context, algorithm == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256(), NULL)) {
		hash_free(hash);
		return error_bad(err, ENOTSUP, "libcrypto does not compute this digest");
	}
	*ret = hash;
	return 0;
}

void hash_free(struct hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->context);
	free(hash);
}

void hash_add(struct hash *hash, const void *bytes, size_t len)
{
	hash->failed = hash->failed || !EVP_DigestUpdate(hash->context, bytes, len);
}

/* What failed is equal to no digest: its algorithm is none. */
void hash_end(struct hash *hash, struct digest *ret)
{
	*ret = (struct digest){ .algorithm = hash->algorithm };
	if (hash->failed || !EVP_DigestFinal_ex(hash->context, ret->bytes, NULL))
		ret->algorithm = DIGEST_NONE;
}

int hash_of(enum digest_algorithm algorithm, const void *bytes, size_t len, struct digest *ret, struct error *err)
{
	struct hash *hash = NULL;
	int r = hash_new(algorithm, &hash, err);

	if (!hash)
		return r;
	hash_add(hash, bytes, len);
	hash_end(hash, ret);
	hash_free(hash);
	return 0;
}

// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/contact_documents.hpp>

#include <persistence/contacts/contact_documents.hpp>

namespace ctms::service {
namespace {

constexpr int page_size = 500;

/// Reads pages with `read(after)` until there are no more.
template <class Read>
result<document_tally> walk(const document_progress& progress, Read read) {
    constexpr std::size_t most_listed = 1'000;
    document_tally tally;
    uuid after{};
    for (;;) {
        const auto page = read(after);
        if (!page) return page.error();
        tally.contacts += page->contacts;
        tally.with_document += page->with_document;
        tally.stored += page->stored;
        tally.left_behind += static_cast<std::int64_t>(page->left_behind.size());
        for (const auto& one : page->stale) {
            if (tally.stale.size() < most_listed) tally.stale.push_back(one);
        }
        tally.complete = !page->last;
        if (!progress(tally) || tally.complete) return tally;
        after = *page->last;
    }
}

} // namespace

result<document_tally> verify_documents(persistence::database& db, bool fix, const document_progress& progress) {
    return walk(progress, [&](const uuid& after) { return persistence::verify_documents(db, after, page_size, fix); });
}

result<document_tally> build_documents(persistence::database& db, const document_progress& progress) {
    return walk(progress, [&](const uuid& after) { return persistence::build_documents(db, after, page_size); });
}

} // namespace ctms::service

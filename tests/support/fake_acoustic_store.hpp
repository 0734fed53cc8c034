// SPDX-License-Identifier: MPL-2.0
// What an XML API call does to the fake vendor's three tables, and its answer. Knows nothing about sockets, tokens or
// time. Not thread safe. A call that the vendor would refuse is answered with a Fault; nothing throws.
#pragma once

#include <support/fake_acoustic.hpp>

#include <pugixml.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

/// A call as it was sent, and what could be parsed from it. The nodes live as long as this object.
class xml_call {
public:
    explicit xml_call(std::string text);

    [[nodiscard]] const std::string& text() const { return text_; }
    /// The element inside Body; empty when the text is not a well-formed call.
    [[nodiscard]] pugi::xml_node node() const { return node_; }
    /// The name of that element; "unreadable" if there is none, "unknown" if the vendor has no such method.
    [[nodiscard]] const std::string& method() const { return method_; }
    /// LIST_ID or TABLE_ID; "" if the call has neither.
    [[nodiscard]] std::string table_id() const;
    /// The ROW elements; empty if the method has no rows.
    [[nodiscard]] const std::vector<pugi::xml_node>& rows() const { return rows_; }
    /// The contacts that the call is about.
    [[nodiscard]] std::set<std::string> email_ids() const;

private:
    std::string text_;
    pugi::xml_document document_;
    pugi::xml_node node_;
    std::string method_ = "unreadable";
    std::vector<pugi::xml_node> rows_;
};

/// A fault that makes rows fail.
struct row_fault {
    std::string holds; ///< text that the row's XML contains
    bool transient = false;
    std::string text; ///< the description of the failure
};

/// True when the XML of a row contains the text.
[[nodiscard]] bool row_holds(const pugi::xml_node& row, const std::string& text);

/// The result of a call.
struct vendor_effect {
    std::string answer;  ///< XML
    std::string outcome; ///< one or two words, for the log
    bool oversized = false;
};

/// The values of errorid. 50, 128 and 145 are the vendor's; the vendor's other numbers are not known, so the rest are made up.
enum class vendor_error {
    server_error = 50,
    unreadable_xml = 51,
    unknown_method = 52,
    unknown_table = 100,
    missing_element = 101,
    too_many_rows = 102,
    invalid_address = 121,
    not_a_member = 128,
    session_lost = 145
};

/// The answer to a call that failed as a whole.
[[nodiscard]] std::string fault_xml(int errorid, std::string_view text);

class fake_acoustic_store {
public:
    explicit fake_acoustic_store(const fake_acoustic_options& options);

    /// Applies a call. Rows that match a fault fail; the rest of the call takes effect.
    vendor_effect apply(const xml_call& call, const std::vector<row_fault>& faults);

    /// Creates or updates a contact from a line of a file. Returns why it is refused.
    std::optional<std::string> import(const std::vector<std::string>& columns, const std::vector<std::string>& values);
    /// True if the contact of that line is known.
    [[nodiscard]] bool knows(const std::vector<std::string>& values, const std::vector<std::string>& columns) const;
    /// "main", "newsletter", "product", or "unknown".
    [[nodiscard]] std::string_view table_name(const std::string& id) const;
    [[nodiscard]] const std::map<std::string, fake_acoustic::row>& contacts() const { return contacts_; }
    [[nodiscard]] const fake_acoustic::relational& newsletters() const { return newsletters_; }
    [[nodiscard]] const fake_acoustic::relational& products() const { return products_; }
    [[nodiscard]] const std::map<std::string, int>& writes() const { return writes_; }

private:
    struct refusal {
        vendor_error id;
        std::string text;
    };
    using verdict = std::optional<refusal>;

    vendor_effect change_rows(const xml_call& call, const std::vector<row_fault>& faults);
    [[nodiscard]] verdict change_contact(const xml_call& call);
    [[nodiscard]] verdict add_recipient(const pugi::xml_node& call);
    [[nodiscard]] verdict store_contact(fake_acoustic::row sent);
    [[nodiscard]] verdict remove_recipient(const pugi::xml_node& call);

    std::string main_id_;
    std::string newsletter_id_;
    std::string product_id_;
    std::map<std::string, fake_acoustic::row> contacts_;
    fake_acoustic::relational newsletters_;
    fake_acoustic::relational products_;
    std::map<std::string, int> writes_;
};

} // namespace ctms::test

/**
 * The products of the demo shop: a coffee shop in Vietnam, with prices and costs of 2026 in đồng.
 *
 * Two products are out of stock, three are low, and three have no cost yet, so that every answer has something to show.
 */
export interface CatalogueItem {
  sku: string;
  name: string;
  category: string;
  /** In VND: a multiple of 500. */
  price: number;
  /** In VND; null if not entered yet. */
  cost: number | null;
  stock: number;
  reorderLevel: number;
  /** How often it is bought, relative to the other products. */
  weight: number;
  /** Factor on `weight` before noon: above 1 it sells better in the morning. */
  morning: number;
  /** Sold by the kilogram, in quarters. */
  byWeight: boolean;
}

type Row = [
  sku: string,
  name: string,
  price: number,
  cost: number | null,
  stock: number,
  level: number,
  weight: number,
];

export const CATALOGUE: readonly CatalogueItem[] = [
  ...category("Cà phê", 1.6, [
    ["CF-SUA-DA", "Cà phê sữa đá", 29_000, 9_500, 420, 60, 26],
    ["CF-DEN-DA", "Cà phê đen đá", 25_000, 6_500, 410, 60, 17],
    ["CF-BAC-XIU", "Bạc xỉu", 32_000, 10_500, 380, 60, 18],
    ["CF-MUOI", "Cà phê muối", 35_000, 11_500, 260, 40, 11],
    ["CF-ESPRESSO", "Espresso", 35_000, 8_000, 400, 60, 4],
    ["CF-AMERICANO", "Americano", 39_000, 8_500, 400, 60, 7],
    ["CF-CAPPUCCINO", "Cappuccino", 49_000, 14_500, 240, 40, 6],
    ["CF-LATTE", "Latte", 49_000, 15_000, 240, 40, 8],
    ["CF-COLD-BREW", "Cold brew cam vàng", 52_000, 15_500, 60, 15, 4],
  ]),
  ...category("Trà", 0.7, [
    ["TR-DAO-CAM-SA", "Trà đào cam sả", 45_000, 13_000, 180, 30, 13],
    ["TR-VAI", "Trà vải", 45_000, 13_500, 160, 30, 7],
    ["TR-SEN-VANG", "Trà sen vàng", 49_000, 15_000, 140, 30, 7],
    ["TR-O-LONG-SUA", "Trà ô long sữa", 42_000, 12_500, 170, 30, 6],
    ["TR-MATCHA", "Matcha latte", 55_000, 19_000, 90, 20, 5],
    ["TR-GUNG", "Trà gừng mật ong", 39_000, 9_500, 110, 20, 3],
    ["TR-TAC", "Trà tắc", 25_000, 6_000, 200, 30, 8],
  ]),
  ...category("Sinh tố và nước ép", 0.6, [
    ["ST-BO", "Sinh tố bơ", 55_000, 21_000, 48, 15, 6],
    ["ST-XOAI", "Sinh tố xoài", 49_000, 17_000, 55, 15, 5],
    ["NE-CAM", "Nước cam ép", 45_000, 18_000, 70, 20, 6],
    ["NE-DUA-HAU", "Nước ép dưa hấu", 39_000, 12_000, 60, 15, 4],
    ["DX-CHOCOLATE", "Chocolate đá xay", 59_000, 20_000, 80, 15, 4],
    ["SC-DANH-DA", "Sữa chua đánh đá", 39_000, 12_500, 64, 15, 4],
  ]),
  ...category("Bánh", 1.3, [
    ["BM-THIT", "Bánh mì thịt", 30_000, 14_000, 35, 10, 10],
    ["BM-OP-LA", "Bánh mì ốp la", 28_000, 11_500, 40, 10, 6],
    ["BA-CROISSANT", "Croissant bơ", 35_000, 16_000, 22, 8, 6],
    ["BA-FLAN", "Bánh flan", 22_000, 8_000, 3, 8, 5],
    ["BA-TIRAMISU", "Tiramisu", 49_000, 22_000, 14, 6, 3],
    ["BA-CHUOI", "Bánh chuối nướng", 32_000, null, 16, 6, 3],
    ["BA-SU-KEM", "Bánh su kem", 15_000, 6_000, 45, 15, 4],
  ]),
  ...category("Hạt cà phê", 0.9, [
    ["HA-ARABICA-1KG", "Hạt Arabica 1 kg", 420_000, 265_000, 0, 5, 0.55],
    ["HA-ROBUSTA-1KG", "Hạt Robusta 1 kg", 260_000, 155_000, 14, 6, 0.5],
    ["HA-CAU-DAT", "Hạt Arabica Cầu Đất (cân)", 450_000, 285_000, 18.75, 5, 0.8],
    ["HA-BUON-MA-THUOT", "Hạt Robusta Buôn Ma Thuột (cân)", 280_000, 168_000, 22.5, 6, 0.8],
    ["HA-PHIN-GIAY", "Cà phê phin giấy hộp 10 gói", 95_000, 58_000, 26, 8, 0.7],
  ]),
  ...category("Sữa", 1, [
    ["SU-YEN-MACH-1L", "Sữa yến mạch 1 L", 65_000, 46_000, 0, 6, 0.9],
    ["SU-TUOI-1L", "Sữa tươi 1 L", 38_000, 29_500, 4, 10, 0.9],
    ["SU-DAC-380G", "Sữa đặc lon 380 g", 27_000, 21_500, 36, 12, 0.6],
  ]),
  ...category("Dụng cụ", 0.8, [
    ["DC-PHIN-NHOM", "Phin nhôm", 55_000, 26_000, 2, 4, 0.5],
    ["DC-BINH-350", "Bình giữ nhiệt 350 ml", 245_000, null, 9, 3, 0.25],
    ["DC-LY-SU", "Ly sứ Xi Pho", 120_000, null, 17, 5, 0.35],
  ]),
];

function category(name: string, morning: number, rows: readonly Row[]): CatalogueItem[] {
  return rows.map(([sku, product, price, cost, stock, reorderLevel, weight]) => {
    const byWeight = product.endsWith("(cân)");
    return { sku, name: product, category: name, price, cost, stock, reorderLevel, weight, morning, byWeight };
  });
}
